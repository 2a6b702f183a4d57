import { Redactor, secretsOfEnvironment } from '../src/protocol/index.js';

/** The debug output of one sidecar. Known secrets are taken out of every line by value. */
export class DebugLog {
  readonly enabled: boolean;
  readonly #write: (line: string) => void;
  #redactor = new Redactor([]);

  constructor(enabled: boolean, logger: ((line: string) => void) | undefined) {
    this.enabled = enabled;
    this.#write = logger === undefined ? toStderr : guarded(logger);
    if (enabled && logger === undefined) outliveStderr();
  }

  /** Values that must not show: the token, and what the environment holds under a name that speaks of a secret. */
  setSecrets(authToken: string, environment: Readonly<Record<string, string>>): void {
    this.#redactor = new Redactor([authToken, ...secretsOfEnvironment(environment)]);
  }

  line(text: string): void {
    if (this.enabled) this.#write(this.redact(text));
  }

  redact(text: string): string {
    return this.#redactor.text(text);
  }
}

function toStderr(line: string): void {
  process.stderr.write(`[fluorite-flake] ${line}\n`);
}

let outlivesStderr = false;

/** Whoever reads the debug output may go first: the error of a closed pipe would end the host, in the middle of `stop()`. */
function outliveStderr(): void {
  if (outlivesStderr) return;
  outlivesStderr = true;
  process.stderr.on('error', () => undefined);
}

/** A logger may send its lines to somebody who is gone. What it fails with, now or later, is warned of once. */
function guarded(logger: (line: string) => unknown): (line: string) => void {
  let isWarned = false;
  const warn = (error: unknown) => {
    if (isWarned) return;
    isWarned = true;
    const why = error instanceof Error ? error.message : String(error);
    process.emitWarning(`The option \`logger\` failed: ${why}`, 'FluoriteFlakeWarning');
  };
  return (line) => {
    try {
      const written = logger(line);
      if (written instanceof Promise) written.catch(warn);
    } catch (error) {
      warn(error);
    }
  };
}
