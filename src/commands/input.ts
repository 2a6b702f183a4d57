import { SidecarError } from '../protocol/index.js';

export type OptionValues = Readonly<Record<string, unknown>>;

/** The arguments and options of one command line. */
export class CommandInput {
  readonly #arguments: ReadonlyMap<string, string>;
  readonly #options: OptionValues;

  constructor(args: ReadonlyMap<string, string>, options: OptionValues) {
    this.#arguments = args;
    this.#options = options;
  }

  /** An argument that the command cannot do without; the parser has seen to it. */
  argument(name: string): string {
    return this.#arguments.get(name) ?? '';
  }

  optionalArgument(name: string): string | undefined {
    return this.#arguments.get(name);
  }

  text(name: string): string | undefined {
    const value = this.#options[name];
    return typeof value === 'string' ? value : undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.#options[name];
    return typeof value === 'boolean' ? value : undefined;
  }

  /** The values of a repeatable option; undefined when it was not given. */
  list(name: string): string[] | undefined {
    const value = this.#options[name];
    return Array.isArray(value) && value.length > 0 ? value.map(String) : undefined;
  }

  /** @throws SidecarError `invalid-option` */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = Number(text);
    if (text.trim() === '' || !Number.isFinite(number)) throw invalidOption(name, 'a number', text);
    return number;
  }

  /** @throws SidecarError `invalid-option` */
  json(name: string): unknown {
    const text = this.text(name);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw invalidOption(name, 'JSON', text, cause);
    }
  }

  /** A repeatable option of pairs such as `Name: value`. @throws SidecarError `invalid-option` */
  pairs(name: string, separator: ':' | '='): Record<string, string> | undefined {
    const list = this.list(name);
    if (!list) return undefined;
    return Object.fromEntries(
      list.map((text) => {
        const at = text.indexOf(separator);
        if (at < 1) throw invalidOption(name, `<name>${separator}<value>`, text);
        return [text.slice(0, at).trim(), text.slice(at + 1)];
      }),
    );
  }
}

function invalidOption(name: string, wanted: string, given: string, cause?: unknown): SidecarError {
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return new SidecarError('invalid-option', `--${flag} takes ${wanted}, not ${JSON.stringify(given)}.`, {
    cause,
  });
}
