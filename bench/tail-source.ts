import type { TailLoad } from './peer.js';

const TICK_MS = 5;
const FLOOD_CHUNK = 200;

/**
 * Emits log lines as `load` says: a rate is kept up by catching up every few milliseconds, as a busy Worker's
 * events come in bursts; a flood waits for each line to be taken, where `emit` gives a promise.
 * @param lines taken in turn.
 * @returns stops it.
 */
export function emitLines<Line>(
  load: TailLoad,
  lines: readonly Line[],
  emit: (line: Line) => Promise<void> | undefined,
  end: () => void,
): () => void {
  const startedAt = performance.now();
  let sent = 0;
  let stopped = false;
  const limit = load.lines > 0 ? load.lines : Number.POSITIVE_INFINITY;
  const next = () => emit(lines[sent++ % lines.length] as Line);

  const flood = async () => {
    while (!stopped && sent < limit) {
      for (let inChunk = 0; inChunk < FLOOD_CHUNK && sent < limit; inChunk++) {
        const taken = next();
        if (taken) await taken;
      }
      await new Promise(setImmediate);
    }
    if (!stopped) end();
  };
  const keepRate = () => {
    const due = Math.min(limit, ((performance.now() - startedAt) * load.linesPerSecond) / 1000);
    while (sent < due) void next();
    if (sent < limit) return;
    clearInterval(timer);
    end();
  };
  const timer = load.linesPerSecond > 0 ? setInterval(keepRate, TICK_MS) : undefined;
  if (!timer) void flood();
  return () => {
    stopped = true;
    clearInterval(timer);
  };
}

/** A few trace events in Cloudflare's tail shape as JSON text of exactly `bytes` each. */
export function eventTexts(bytes: number): string[] {
  return Array.from({ length: 16 }, (_, index) => {
    const event = (text: string) =>
      JSON.stringify({
        scriptName: 'bench',
        outcome: 'ok',
        eventTimestamp: 1_750_000_000_000 + index,
        logs: [{ level: 'log', message: [text], timestamp: 1_750_000_000_000 + index }],
        exceptions: [],
        event: null,
      });
    const missing = bytes - event('').length;
    if (missing < 0) throw new Error(`An event has at least ${event('').length} bytes, not ${bytes}.`);
    return event('x'.repeat(missing));
  });
}

/** The Worker name that asks a synthetic account for `load`: a name is all that a tail's caller can tell it. */
export function loadName({ linesPerSecond, lines, lineBytes }: TailLoad): string {
  return `bench-${linesPerSecond}-${lines}-${lineBytes}`;
}

/** @throws when the name is none that `loadName` makes. */
export function parseLoadName(workerName: string): TailLoad {
  const [linesPerSecond, lines, lineBytes] = workerName.split('-').slice(1).map(Number);
  if (linesPerSecond === undefined || lines === undefined || lineBytes === undefined) {
    throw new Error(`"${workerName}" is no name of a synthetic log source.`);
  }
  return { linesPerSecond, lines, lineBytes };
}
