import { Redactor, secretsOfEnvironment } from '../src/protocol/index.js';

/** The debug output of one sidecar. Known secrets are taken out of every line by value. */
export class DebugLog {
  readonly enabled: boolean;
  readonly #write: (line: string) => void;
  #redactor = new Redactor([]);

  constructor(enabled: boolean, logger: ((line: string) => void) | undefined) {
    this.enabled = enabled;
    this.#write = logger ?? ((line) => process.stderr.write(`[fluorite-flake] ${line}\n`));
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
