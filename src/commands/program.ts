import { Command as Commander, Option } from 'commander';
import type { Command, CommandOption } from './command.js';
import { GLOBAL_OPTIONS } from './global-options.js';
import { CommandInput, type OptionValues } from './input.js';

const NAME = 'fluorite-flake';

const GROUPS: Readonly<Record<string, string>> = {
  workers: 'list, delete and invoke Workers',
  r2: 'R2 buckets and objects',
  'r2 bucket': 'list, create and delete R2 buckets',
  'r2 object': 'list, read, write and delete R2 objects',
  kv: 'KV namespaces and keys',
  'kv namespace': 'list, create and delete KV namespaces',
  auth: 'sign in to Cloudflare and out again',
  local: 'the local account for other tools',
  'kv key': 'list, read, write and delete keys and values',
};

export interface ProgramOutput {
  writeOut(text: string): void;
  writeErr(text: string): void;
}

/** Called with the command that the command line names; `options` has the global ones too. */
export type Run = (command: Command, input: CommandInput, options: OptionValues) => Promise<void>;

/** The commander program for `commands`: parsing and help, nothing else. It throws CommanderError instead of exiting. */
export function createProgram(commands: readonly Command[], output: ProgramOutput, run: Run): Commander {
  const program = new Commander(NAME)
    .description('Manage Cloudflare Workers, R2 buckets and KV namespaces, on Cloudflare or on this machine.')
    .option('-V, --version', 'print the version')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput(output)
    .exitOverride()
    .showHelpAfterError('(--help shows how it is used)')
    .addHelpText('after', `\nHelp for one command: ${NAME} <command> --help`);
  for (const option of GLOBAL_OPTIONS) program.addOption(commanderOption(option));
  for (const command of commands) add(program, command, run);
  return program;
}

function add(program: Commander, command: Command, run: Run): void {
  const words = command.path.slice(0, -1);
  const group = words.reduce((parent, _, depth) => groupOf(parent, words.slice(0, depth + 1)), program);
  const added = group
    .command(command.path.at(-1) ?? '')
    .description(command.summary)
    .addHelpText('after', examples(command));
  for (const { name, description, optional } of command.arguments) {
    added.argument(optional ? `[${name}]` : `<${name}>`, description);
  }
  for (const option of command.options) added.addOption(commanderOption(option));
  added.action(() => {
    const given = command.arguments.flatMap(({ name }, at) => {
      const value = added.args[at];
      return value === undefined ? [] : [[name, value] as const];
    });
    const options = added.optsWithGlobals();
    return run(command, new CommandInput(new Map(given), options), options);
  });
}

function groupOf(parent: Commander, words: readonly string[]): Commander {
  const name = words.at(-1) ?? '';
  const known = parent.commands.find((command) => command.name() === name);
  return known ?? parent.command(name).description(GROUPS[words.join(' ')] ?? '');
}

function commanderOption({ flags, description, repeatable }: CommandOption): Option {
  const option = new Option(flags, description);
  if (!repeatable) return option;
  return option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
}

function examples(command: Command): string {
  const lines = command.examples.map((example) => `  ${NAME} ${example}`);
  return `\nExamples:\n${lines.join('\n')}`;
}
