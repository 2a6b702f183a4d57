import { SidecarError } from './errors.js';

/** Names of environment variables that hold a secret. */
const SECRET_VARIABLE = /token|key|secret|password|credential/i;
/** Members of an object that hold a secret; `key` alone is the name of a value in KV and R2. */
const SECRET_MEMBER =
  /(^|[-_.])(token|secret|password|passwd|authorization|cookie|credentials?)$|(api|auth|access|refresh)[-_]?(token|key)$|private[-_]?key$|secret$/i;
/** Shorter values would black out innocent text. */
const MIN_SECRET_LENGTH = 6;
const REDACTED = '[redacted]';

/** The values in an environment whose names speak of a secret. */
export function secretsOfEnvironment(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && SECRET_VARIABLE.test(name) ? [value] : [],
  );
}

/** The values of the secret bindings in the params of a deploy. */
export function secretsOfParams(params: unknown): string[] {
  const { bindings } = (params ?? {}) as { bindings?: unknown };
  if (!Array.isArray(bindings)) return [];
  return bindings.flatMap((binding: { type?: unknown; text?: unknown } | null) =>
    binding?.type === 'secret_text' && typeof binding.text === 'string' ? [binding.text] : [],
  );
}

/** Takes known secrets out of text, and out of data those too whose names tell them. */
export class Redactor {
  #secrets: readonly string[] = [];

  constructor(secrets: Iterable<string>) {
    this.learn(secrets);
  }

  /** Knows these secrets too from now on. */
  learn(secrets: Iterable<string>): void {
    const written = [...secrets].flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
    // The longest first: one inside another must leave nothing of either.
    this.#secrets = [...new Set([...this.#secrets, ...written])]
      .filter((secret) => secret.length >= MIN_SECRET_LENGTH)
      .sort((a, b) => b.length - a.length);
  }

  /** One that knows these secrets too. */
  with(secrets: readonly string[]): Redactor {
    return secrets.length === 0 ? this : new Redactor([...this.#secrets, ...secrets]);
  }

  text(text: string): string {
    let redacted = text;
    for (const secret of this.#secrets) redacted = redacted.replaceAll(secret, REDACTED);
    return redacted;
  }

  /** The same data, JSON only, without secrets. */
  data(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.data(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        name,
        typeof member === 'string' && SECRET_MEMBER.test(name) ? REDACTED : this.data(member),
      ]),
    );
  }

  error(error: SidecarError): SidecarError {
    const data = this.data(error.data) as Record<string, unknown>;
    return new SidecarError(error.code, this.text(error.message), { data, cause: error.cause });
  }
}
