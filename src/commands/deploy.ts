import { methodCommand } from './command.js';
import { bytes } from './table.js';

export const deployCommand = methodCommand({
  path: ['deploy'],
  method: 'dashboard.deployWorker',
  summary: 'Bundles and deploys the Worker of a project folder (wrangler.json, .jsonc or .toml).',
  arguments: [
    { name: 'entry', description: "the entry file, instead of the configuration's", optional: true },
  ],
  options: [
    { flags: '--name <name>', description: "the Worker's name, instead of the configuration's" },
    { flags: '-c, --config <path>', description: 'this configuration, instead of the one in the folder' },
    { flags: '-e, --env <name>', description: "one of the configuration's environments" },
    { flags: '--dry-run', description: 'bundle and check, deploy nothing' },
    { flags: '--minify', description: 'minify the bundle' },
    { flags: '--var <name:value>', description: 'a plain text variable (never a secret)', repeatable: true },
    { flags: '--compatibility-date <date>', description: 'as in 2026-01-31' },
    {
      flags: '--compatibility-flag <flag>',
      description: 'instead of the configured flags',
      repeatable: true,
    },
    { flags: '-m, --message <text>', description: 'kept with the deployment' },
  ],
  examples: ['deploy', 'deploy --env staging --dry-run', 'deploy src/index.ts --name hello --cwd ./hello'],
  params: (input, { cwd }) => ({
    cwd,
    entry: input.optionalArgument('entry'),
    config: input.text('config'),
    name: input.text('name'),
    env: input.text('env'),
    dryRun: input.flag('dryRun'),
    minify: input.flag('minify'),
    vars: input.pairs('var', ':'),
    compatibilityDate: input.text('compatibilityDate'),
    compatibilityFlags: input.list('compatibilityFlag'),
    message: input.text('message'),
  }),
  async print(result, { print, note }) {
    for (const warning of result.warnings) note(`warning: ${warning}`);
    for (const line of result.notes) note(line);
    const details = [
      `size ${bytes(result.size)}, gzipped ${bytes(result.gzipSize)}`,
      result.startupTimeMs !== undefined && `started in ${Math.round(result.startupTimeMs)} ms`,
      result.version && `version ${result.version}`,
      result.url ?? (!result.dryRun && `call it: fluorite-flake workers invoke ${result.name}`),
    ].filter(Boolean);
    await print(`${result.message}\n${details.map((line) => `  ${line}\n`).join('')}`);
  },
});
