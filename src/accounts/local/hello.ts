import { timeoutSignal } from '../../lib/time.js';
import { isSame } from './file-identity.js';
import {
  type OwnerIdentity,
  type OwnerRecord,
  parseJson,
  parseOwnerIdentity,
  SHARING_PROTOCOL,
} from './owner-record.js';
import { fetchOverSocket, isRefused } from './socket-fetch.js';

/** Where an owner says who it is. Asked before anything else is sent. */
export const HELLO_PATH = '/local/hello';
/** Says that the request was not carried out, since the owner is about to close or is another one. */
export const CLOSING_HEADER = 'x-fluorite-closing';
/** Names the owner that a request is meant for. */
export const OWNER_HEADER = 'x-fluorite-owner';

/**
 * What a socket answered: `alive`, the owner that was looked for; `closing`, one that is about to go; `silent`, nothing;
 * `gone`, nobody listens; `stranger`, something else than that owner.
 */
export type Liveness = 'alive' | 'closing' | 'silent' | 'gone' | 'stranger';

const MAX_ANSWER_BYTES = 4096;

/** The answer of an owner. */
export function sayHello(identity: OwnerIdentity): Response {
  return Response.json({ protocol: SHARING_PROTOCOL, ...identity });
}

/** Asks the socket of another process whether it is the owner of `record`. The question carries nothing. */
export async function askHello(
  socketPath: string,
  record: OwnerRecord,
  timeoutMs: number,
): Promise<Liveness> {
  const signal = timeoutSignal(timeoutMs);
  try {
    const response = await fetchOverSocket(socketPath, new Request(`http://local${HELLO_PATH}`, { signal }));
    const text = await readStart(response);
    if (response.headers.has(CLOSING_HEADER)) return 'closing';
    return response.ok && isAnswerOf(record, text) ? 'alive' : 'stranger';
  } catch (error) {
    if (isRefused(error)) return 'gone';
    if (signal.aborted) return 'silent';
    // What is not HTTP is no owner. Cut off in the middle, it is going away right now, and the next look will tell.
    return String((error as NodeJS.ErrnoException).code).startsWith('HPE_') ? 'stranger' : 'closing';
  }
}

function isAnswerOf({ protocol, identity }: OwnerRecord, text: string): boolean {
  const value = parseJson(text);
  const said = parseOwnerIdentity(value);
  return (
    said !== undefined &&
    identity !== undefined &&
    (value as { protocol?: unknown }).protocol === protocol &&
    said.id === identity.id &&
    said.process.pid === identity.process.pid &&
    said.process.started === identity.process.started &&
    isSame(said.directory, identity.directory)
  );
}

/** As far as an answer of ours goes: a stranger's may have no end. */
async function readStart(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(chunks).toString();
}
