import { methodCommand } from './command.js';
import { oneOf } from './one-of.js';

const PACKAGE_MANAGERS = ['npm', 'pnpm', 'yarn', 'bun'] as const;

export const createCommand = methodCommand({
  path: ['create'],
  method: 'project.create',
  summary: 'Creates a project folder: a TypeScript Worker with a KV and an R2 binding and tests.',
  arguments: [{ name: 'name', description: 'lower case letters, digits and hyphens' }],
  options: [
    { flags: '--path <dir>', description: 'the folder the project goes into (here)' },
    { flags: '--install', description: 'install the dependencies' },
    { flags: '--package-manager <name>', description: 'npm, pnpm, yarn or bun (npm)' },
    { flags: '--git', description: 'make a git repository with a first commit' },
  ],
  examples: ['create my-worker', 'create my-worker --path ~/projects --install --git'],
  params: (input, { cwd }) => ({
    name: input.argument('name'),
    path: input.text('path') ?? cwd,
    packageManager: oneOf(PACKAGE_MANAGERS, 'package-manager', input.text('packageManager')),
    install: input.flag('install'),
    git: input.flag('git'),
  }),
  print: ({ projectPath, files }, { print }, input) => {
    const install = input.flag('install') ? '' : '  npm install\n';
    return print(
      `Created ${projectPath}\n${files.map((file) => `  ${file}\n`).join('')}\nNext:\n  cd ${projectPath}\n${install}  npm test\n  npm run deploy\n`,
    );
  },
});
