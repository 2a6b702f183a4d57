import { CommanderError } from 'commander';
import { SidecarError } from '../protocol/index.js';
import type { Command } from './command.js';
import { commands } from './commands.js';
import { reportFailure } from './failure.js';
import { globalOptions } from './global-options.js';
import type { CommandInput, OptionValues } from './input.js';
import { type Interrupts, watchInterrupts } from './interrupts.js';
import { createProgram } from './program.js';
import { createSession } from './session.js';
import { Terminal } from './terminal.js';

/**
 * Runs one command line of the CLI.
 * @param argv without the program and the script
 * @returns the exit code: 0; 1 for a failure; 2 for a wrong command line; 128 + signal when interrupted.
 */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const interrupts = watchInterrupts();
  const terminal = new Terminal(() => interrupts.end(0));
  try {
    return await parseAndRun(versionAsCommand(argv), terminal, interrupts);
  } finally {
    interrupts.release();
    terminal.release();
  }
}

async function parseAndRun(
  argv: readonly string[],
  terminal: Terminal,
  interrupts: Interrupts,
): Promise<number> {
  const json = argv.slice(0, indexOrEnd(argv, '--')).includes('--json');
  const usage: string[] = [];
  const printed: Promise<void>[] = [];
  const output = {
    writeOut: (text: string) => void printed.push(terminal.print(text)),
    writeErr: (text: string) => void usage.push(text),
  };
  let exitCode = 0;
  const program = createProgram(commands, output, async (command, input, options) => {
    exitCode = await execute(command, input, options, terminal, interrupts);
  });
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(error, terminal, json, false);
    if (error.exitCode !== 0) exitCode = reportUsage(usage.join(''), terminal, json);
  }
  await Promise.all(printed);
  return exitCode;
}

async function execute(
  command: Command,
  input: CommandInput,
  values: OptionValues,
  terminal: Terminal,
  interrupts: Interrupts,
): Promise<number> {
  const options = globalOptions(values);
  const session = createSession(options, terminal, interrupts.signal);
  const run = async () => {
    try {
      await command.run(input, session);
      return interrupts.exitCode ?? 0;
    } catch (error) {
      // What fails because it was interrupted is not worth a message.
      return interrupts.exitCode ?? reportFailure(error, terminal, options.json, options.debug);
    } finally {
      await session.close();
    }
  };
  const giveUp = async () => {
    await Promise.race([interrupts.impatient, interrupts.overdue]);
    await Promise.race([session.close(), interrupts.impatient]);
    return interrupts.exitCode ?? 1;
  };
  return Promise.race([run(), giveUp()]);
}

/** commander's own words for a command line that is wrong; its help text for a group without a command. */
function reportUsage(text: string, terminal: Terminal, json: boolean): number {
  if (json) {
    const message = text.replace(/^error: /, '').split('\n')[0] ?? '';
    return reportFailure(new SidecarError('invalid-option', message), terminal, true, false);
  }
  terminal.printError(text.trimEnd());
  return 2;
}

/** `--version` is a command: what it prints comes from the contract as everything does. */
function versionAsCommand(argv: readonly string[]): readonly string[] {
  const [first, ...rest] = argv;
  return first === '--version' || first === '-V' ? ['version', ...rest] : argv;
}

function indexOrEnd(list: readonly string[], wanted: string): number {
  const index = list.indexOf(wanted);
  return index < 0 ? list.length : index;
}
