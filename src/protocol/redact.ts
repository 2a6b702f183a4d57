import { shorten } from '../lib/shorten.js';
import { MAX_BODY_DEPTH } from './depth.js';
import { SidecarError } from './errors.js';

/** Names of environment variables that hold a secret. */
const SECRET_VARIABLE = /token|key|secret|password|credential/i;
/** Members of an object that hold a secret; `key` alone is the name of a value in KV and R2. */
const SECRET_MEMBER =
  /(^|[-_.])(token|secret|password|passwd|authorization|cookie|credentials?)$|(api|auth|access|refresh)[-_]?(token|key)$|private[-_]?key$|secret$/i;
/** Shorter values would black out innocent text. */
const MIN_SECRET_LENGTH = 6;
const REDACTED = '[redacted]';
/** Of a Worker's secrets, in all their forms: some deploys' worth. */
const MAX_PASSING = 1000;
/** What an error shows of one text. Programs that failed may have printed more, which is kept whole for the redactor. */
const MAX_TEXT_CHARS = 64 * 1024;

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
  readonly #known = new Set<string>();
  /** In the order in which they were last heard of. */
  readonly #passing = new Set<string>();
  /** All of them, the longest first: one inside another must leave nothing of either. */
  #secrets: readonly string[] = [];

  constructor(secrets: Iterable<string>) {
    this.learn(secrets);
  }

  /** Knows these secrets too from now on. */
  learn(secrets: Iterable<string>): void {
    for (const written of formsOf(secrets)) this.#known.add(written);
    this.#sort();
  }

  /** Knows these too until many others have passed: secrets that come with calls, of which there is no end. */
  learnPassing(secrets: Iterable<string>): void {
    for (const written of formsOf(secrets)) {
      this.#passing.delete(written);
      this.#passing.add(written);
    }
    for (const oldest of this.#passing) {
      if (this.#passing.size <= MAX_PASSING) break;
      this.#passing.delete(oldest);
    }
    this.#sort();
  }

  /** One that knows these secrets too. */
  with(secrets: readonly string[]): Redactor {
    if (secrets.length === 0) return this;
    const more = new Redactor(secrets);
    for (const written of this.#secrets) more.#known.add(written);
    more.#sort();
    return more;
  }

  #sort(): void {
    this.#secrets = [...new Set([...this.#known, ...this.#passing])].sort((a, b) => b.length - a.length);
  }

  text(text: string): string {
    let redacted = text;
    for (const secret of this.#secrets) redacted = redacted.replaceAll(secret, REDACTED);
    return redacted;
  }

  /** The same data, JSON only, without secrets. What nests deeper than a message has room for is left out. */
  data(value: unknown, levels = MAX_BODY_DEPTH): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (levels === 0) return undefined;
    if (Array.isArray(value)) return value.map((item) => this.data(item, levels - 1));
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        name,
        typeof member === 'string' && SECRET_MEMBER.test(name) ? REDACTED : this.data(member, levels - 1),
      ]),
    );
  }

  /** The same error without secrets, and after that without what is too long to show. */
  error(error: SidecarError): SidecarError {
    // An answer has one level more around the data of an error than around a result.
    const data = shortMembers(this.data(error.data, MAX_BODY_DEPTH - 1)) as Record<string, unknown>;
    const message = shorten(this.text(error.message), MAX_TEXT_CHARS);
    return new SidecarError(error.code, message, { data, cause: error.cause });
  }
}

function formsOf(secrets: Iterable<string>): string[] {
  return [...secrets].flatMap(writtenForms).filter((written) => written.length >= MIN_SECRET_LENGTH);
}

/** A secret as text, JSON and URLs have it. Output comes line by line: of a secret of many lines each is one. */
function writtenForms(secret: string): string[] {
  const lines = secret.split(/\r\n|\n|\r/).map((line) => line.trim());
  return [secret, ...lines].flatMap((text) => [text, JSON.stringify(text).slice(1, -1), inUrl(text)]);
}

function inUrl(text: string): string {
  // Half of a surrogate pair has no form in a URL; the encoder puts a replacement character there.
  return encodeURIComponent(new TextDecoder().decode(new TextEncoder().encode(text)));
}

function shortMembers(value: unknown): unknown {
  if (typeof value === 'string') return shorten(value, MAX_TEXT_CHARS);
  if (Array.isArray(value)) return value.map(shortMembers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shortMembers(member)]));
}
