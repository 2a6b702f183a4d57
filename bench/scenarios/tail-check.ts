import { deepStrictEqual } from 'node:assert/strict';
import type { PeerSession, TailForm, TailLoad } from '../peer.js';
import { eventTexts } from '../tail-source.js';

const LINES = 1000;
const checked = new WeakMap<PeerSession, Set<TailForm>>();

/** Opens a tail, or throws where the peer has none. */
export function tailOf(session: PeerSession): NonNullable<PeerSession['tail']> {
  if (!session.tail) throw new Error('This peer has no tail.');
  return session.tail;
}

/** Before a figure: a short tail of a modest rate must deliver every line, each as it was emitted. */
export async function checkTail(session: PeerSession, form: TailForm, lineBytes: number): Promise<void> {
  const forms = checked.get(session) ?? new Set();
  if (forms.has(form)) return;
  checked.set(session, forms.add(form));
  const known = eventTexts(lineBytes).map((text) => JSON.parse(text) as unknown);
  const load: TailLoad = { linesPerSecond: 20_000, lines: LINES, lineBytes };
  let lines = 0;
  const handle = await tailOf(session)(load, form, (delivered) => {
    deepStrictEqual(delivered.sample(), known[lines % known.length]);
    lines += delivered.lines;
    return undefined;
  });
  await handle.ended;
  deepStrictEqual({ lines, dropped: handle.dropped() }, { lines: LINES, dropped: 0 });
  await handle.stop();
}
