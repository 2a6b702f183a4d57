import { methodCommand } from './command.js';

export const versionCommand = methodCommand({
  path: ['version'],
  method: 'system.version',
  examples: ['version', 'version --json'],
  print: ({ version, node, protocol, workerd }, { print }) =>
    print(
      `fluorite-flake ${version}\nnode ${node}\nprotocol ${protocol}\nworkerd ${workerd ?? 'not installed'}\n`,
    ),
});
