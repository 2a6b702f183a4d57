const SECRET_NAME = /token|key|secret|password|credential/i;
/** Shorter values would black out innocent text. */
const MIN_SECRET_LENGTH = 6;

/** The debug output of one sidecar. Known secrets are taken out of every line by value. */
export class DebugLog {
  readonly enabled: boolean;
  readonly #write: (line: string) => void;
  #secrets: string[] = [];

  constructor(enabled: boolean, logger: ((line: string) => void) | undefined) {
    this.enabled = enabled;
    this.#write = logger ?? ((line) => process.stderr.write(`[fluorite-flake] ${line}\n`));
  }

  /** Values that must not show: the token, and what the environment holds under a name that speaks of a secret. */
  setSecrets(authToken: string, environment: Readonly<Record<string, string>>): void {
    const named = Object.entries(environment).filter(([name]) => SECRET_NAME.test(name));
    const values = [authToken, ...named.map(([, value]) => value)];
    this.#secrets = values
      .filter((value) => value.length >= MIN_SECRET_LENGTH)
      .sort((a, b) => b.length - a.length);
  }

  line(text: string): void {
    if (this.enabled) this.#write(this.redact(text));
  }

  redact(text: string): string {
    let redacted = text;
    for (const secret of this.#secrets) redacted = redacted.replaceAll(secret, '[redacted]');
    return redacted;
  }
}
