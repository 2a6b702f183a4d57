/** How our server begins an answer; any other form is parsed whole. */
const ANSWER = '{"jsonrpc":"2.0","id":';
const BATCH =
  /^\{"jsonrpc":"2\.0","method":"tail\/batch","params":\{"tailId":"([\w-]{1,64})","seq":(\d{1,15}),"dropped":(\d{1,15}),"events":\[/;
const BATCH_START = '{"jsonrpc":"2.0","method":"tail/batch"';
const QUOTE_FREE_ID = 15;
const ZERO = 48;
const NINE = 57;
const COMMA = 44;

/** Whether a body is an answer to a call of the lane: an even id, in canonical form. Looks at its first bytes only. */
export function isLaneAnswer(body: string): boolean {
  if (!body.startsWith(ANSWER)) return false;
  let i = ANSWER.length;
  let last = -1;
  for (; i < ANSWER.length + QUOTE_FREE_ID; i++) {
    const code = body.charCodeAt(i);
    if (code < ZERO || code > NINE) break;
    last = code - ZERO;
  }
  return last !== -1 && last % 2 === 0 && body.charCodeAt(i) === COMMA;
}

/** The head of a `tail/batch`, and where its events stand in the body. */
export interface TailBatchHead {
  tailId: string;
  seq: number;
  dropped: number;
  /** Characters from the start of the body to the `[` of the events, all of them ASCII. */
  eventsStart: number;
}

/** Reads the head of a `tail/batch` in our server's form, without parsing its events. */
export function readTailBatch(body: string): TailBatchHead | undefined {
  if (!body.startsWith(BATCH_START)) return undefined;
  const match = BATCH.exec(body.length > 256 ? body.slice(0, 256) : body);
  if (match === null || !body.endsWith(']}}')) return undefined;
  const [head, tailId, seq, dropped] = match as unknown as [string, string, string, string];
  return { tailId, seq: Number(seq), dropped: Number(dropped), eventsStart: head.length - 1 };
}
