const BATCH =
  /^\{"jsonrpc":"2\.0","method":"tail\/batch","params":\{"tailId":"([\w-]{1,64})","seq":(\d{1,15}),"dropped":(\d{1,15}),"events":\[/;
const BATCH_START = '{"jsonrpc":"2.0","method":"tail/batch"';
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
