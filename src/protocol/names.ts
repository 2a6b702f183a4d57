// What a name, key, path or header value may be. Each rule tells what is wrong with a text, as the end of a sentence
// that begins with its name, or nothing. Schemas and the local API ask the same rules before anything is sent.

/** What is wrong with a text, if anything. */
export type Rule = (text: string) => string | undefined;

/** https://developers.cloudflare.com/kv/platform/limits/ */
export const MAX_KV_KEY_BYTES = 512;
/** https://developers.cloudflare.com/r2/platform/limits/ */
export const MAX_R2_KEY_BYTES = 1024;

/** Half of a surrogate pair alone has no UTF-8: it would be sent as another character. */
export const textFault: Rule = (text) =>
  text.isWellFormed() ? undefined : 'has half of a surrogate pair, which UTF-8 cannot hold';

/** A file or folder of the file system. */
export const pathFault: Rule = (text) =>
  text.includes('\0') ? 'has a NUL character, which no path can hold' : textFault(text);

/** A value that travels in a header. What is not ASCII is sent as UTF-8. */
export const headerValueFault: Rule = (text) =>
  /[^\t -~\u0080-\uffff]/.test(text)
    ? 'has a line break or another control character, which no header can hold'
    : textFault(text);

/** Not `.` and `..`, which would change the path that a key is part of. */
export const kvKeyFault: Rule = (key) => {
  if (key === '' || key === '.' || key === '..') return 'cannot be empty, `.` or `..`';
  return textFault(key) ?? bytesFault(key, MAX_KV_KEY_BYTES);
};

export const r2KeyFault: Rule = (key) => textFault(key) ?? bytesFault(key, MAX_R2_KEY_BYTES);

/** The runtime resolves module names like URLs, and answers one that leads out of the Worker with no reason. */
export const moduleNameFault: Rule = (name) => {
  if (/\p{Cc}/u.test(name)) return 'has a control character';
  if (name.startsWith('/')) return 'begins with `/`; a module has a path relative to the Worker';
  return leadsOut(name) ? 'leads out of the Worker with `..`' : textFault(name);
};

export const base64Fault: Rule = (text) =>
  /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0
    ? undefined
    : 'is said to be base64 and is not';

function bytesFault(text: string, maxBytes: number): string | undefined {
  const bytes = new TextEncoder().encode(text).length;
  return bytes > maxBytes ? `has ${bytes} bytes of UTF-8, and at most ${maxBytes} are allowed` : undefined;
}

function leadsOut(path: string): boolean {
  let depth = 0;
  for (const part of path.split('/')) {
    if (part === '..') depth -= 1;
    else if (part !== '.' && part !== '') depth += 1;
    if (depth < 0) return true;
  }
  return false;
}
