// Messages are read by their first bytes where they stand in the form that our own library and server write: only what
// is inside them has to be parsed then. A message in any other form is parsed whole. A request that begins in this form and
// ends in another (a member behind its params) is, too; an answer that does is a fault: our server never writes one.

const REQUEST_OR_ANSWER = Buffer.from('{"jsonrpc":"2.0","id":', 'latin1');
const METHOD = Buffer.from(',"method":"', 'latin1');
const PARAMS = Buffer.from('","params":', 'latin1');
const RESULT = Buffer.from(',"result":', 'latin1');
const ZERO = 0x30;
const NINE = 0x39;
const CLOSE_BRACE = 0x7d;
/** An id of more digits may not be one that a double holds. */
const MAX_DIGITS = 15;

/** The head of a request; the params are `bytes[paramsStart, end - 1)`, if those are JSON. */
export interface RequestHead {
  id: number;
  methodStart: number;
  methodEnd: number;
  paramsStart: number;
}

/** The head of an answer that went well; the result is `bytes[resultStart, end - 1)`, if those are JSON. */
export interface ResultHead {
  id: number;
  resultStart: number;
}

/** The head of `{"jsonrpc":"2.0","id":1,"method":"a.b","params":…}`, or undefined for any other form. */
export function readRequestHead(bytes: Buffer, start: number, end: number): RequestHead | undefined {
  if (bytes[end - 1] !== CLOSE_BRACE) return undefined;
  const id = readId(bytes, start, end);
  if (id === undefined) return undefined;
  const methodStart = skip(METHOD, bytes, id.end, end);
  if (methodStart === -1) return undefined;
  let methodEnd = methodStart;
  while (methodEnd < end && isNameByte(bytes[methodEnd] as number)) methodEnd++;
  const paramsStart = skip(PARAMS, bytes, methodEnd, end);
  if (methodEnd === methodStart || paramsStart === -1) return undefined;
  return { id: id.value, methodStart, methodEnd, paramsStart };
}

/** The head of `{"jsonrpc":"2.0","id":1,"result":…}`, or undefined for any other form. */
export function readResultHead(bytes: Buffer, start: number, end: number): ResultHead | undefined {
  if (bytes[end - 1] !== CLOSE_BRACE) return undefined;
  const id = readId(bytes, start, end);
  if (id === undefined) return undefined;
  const resultStart = skip(RESULT, bytes, id.end, end);
  return resultStart === -1 ? undefined : { id: id.value, resultStart };
}

/** The id of a request that begins in this form, whatever comes behind it; undefined for any other. */
export function readRequestId(bytes: Buffer, start: number, end: number): number | undefined {
  const id = readId(bytes, start, end);
  return id !== undefined && skip(METHOD, bytes, id.end, end) !== -1 ? id.value : undefined;
}

function readId(bytes: Buffer, start: number, end: number): { value: number; end: number } | undefined {
  const first = skip(REQUEST_OR_ANSWER, bytes, start, end);
  if (first === -1) return undefined;
  let at = first;
  let value = 0;
  for (; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte < ZERO || byte > NINE) break;
    value = value * 10 + byte - ZERO;
  }
  const digits = at - first;
  const leadingZero = bytes[first] === ZERO && digits > 1;
  return digits === 0 || digits > MAX_DIGITS || leadingZero ? undefined : { value, end: at };
}

/** Where the bytes behind `expected` begin; -1 when something else stands there, or nothing behind it. */
function skip(expected: Buffer, bytes: Buffer, at: number, end: number): number {
  if (end - at <= expected.length) return -1;
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return -1;
  return at + expected.length;
}

/** Letters and the dot: no byte that JSON escapes or forbids in a string. */
function isNameByte(byte: number): boolean {
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || byte === 0x2e;
}
