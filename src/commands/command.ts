import type { MethodName, Params, Result } from '../protocol/index.js';
import { methods } from '../protocol/index.js';
import type { CommandInput } from './input.js';
import type { Session } from './session.js';

export interface CommandArgument {
  name: string;
  description: string;
  optional?: boolean;
}

export interface CommandOption {
  /** As commander writes them, such as `-X, --method <name>`. */
  flags: string;
  description: string;
  /** May be given several times; all values count. */
  repeatable?: boolean;
}

/** One command of the CLI: what it is called, what it takes and what it does. */
export interface Command {
  /** Its words, such as `['r2', 'bucket', 'list']`. */
  path: readonly string[];
  summary: string;
  /** The method it calls, if it is one. */
  method?: MethodName;
  arguments: readonly CommandArgument[];
  options: readonly CommandOption[];
  /** Command lines without the program's name. */
  examples: readonly string[];
  run(input: CommandInput, session: Session): Promise<void>;
}

export interface MethodCommand<M extends MethodName> {
  path: readonly string[];
  method: M;
  /** By default the method's own. */
  summary?: string;
  arguments?: readonly CommandArgument[];
  options?: readonly CommandOption[];
  examples: readonly string[];
  params?(input: CommandInput, session: Session): Params<M> | Promise<Params<M>>;
  /** What is about to be lost, as in `the Worker hello`: a person at a terminal is asked first, unless with `--yes`. */
  deletes?(input: CommandInput): string;
  /** What a person sees of the result; with `--json` it is printed as it is. */
  print(result: Result<M>, session: Session, input: CommandInput): void | Promise<void>;
}

const YES: CommandOption = { flags: '-y, --yes', description: 'do not ask' };

/** A command that calls one method of the contract. */
export function methodCommand<M extends MethodName>(definition: MethodCommand<M>): Command {
  const { method, params, print, deletes } = definition;
  return {
    path: definition.path,
    method,
    summary: definition.summary ?? methods[method].summary,
    arguments: definition.arguments ?? [],
    options: [...(definition.options ?? []), ...(deletes ? [YES] : [])],
    examples: definition.examples,
    async run(input, session) {
      const given = await params?.(input, session);
      if (deletes && !input.flag('yes')) await session.confirmDeletion(deletes(input));
      const result = await session.call(method, given);
      if (session.json) await session.print(`${JSON.stringify(result, null, 2)}\n`);
      else await print(result, session, input);
    },
  };
}
