import { setTimeout as passed } from 'node:timers/promises';
import {
  type Account,
  LOSSLESS_BACKLOG,
  type TailParams,
  type TailSink,
  type TailSource,
} from '../src/accounts/account.js';
import { SidecarError } from '../src/protocol/index.js';
import { largeText } from './payload.js';
import { emitLines, eventTexts, parseLoadName } from './tail-source.js';

/**
 * An account whose Workers are sources: the tail of `bench-<lines a second>-<lines>-<bytes>` emits just that, and
 * the Worker `bench-<bytes>` answers with a body of that size. Everything between it and the consumer is the product's own.
 */
export const syntheticAccount: Account = {
  info: { kind: 'local', id: '0'.repeat(32), name: 'bench' },
  client: () => Promise.reject(unsupported('API calls')),
  invoke: (workerName) => Promise.resolve(new Response(largeText(Number(workerName.split('-')[1])))),
  openTail: ({ workerName }: TailParams, sink: TailSink): Promise<TailSource> => {
    const load = parseLoadName(workerName);
    const abort = new AbortController();
    // A flood waits for its reader and loses nothing; a source of a given rate waits for nobody, as a Worker.
    const isFlood = load.linesPerSecond === 0;
    const emit = (line: string) => {
      sink.push(line);
      return isFlood && waiting(sink) >= LOSSLESS_BACKLOG
        ? drained(sink, LOSSLESS_BACKLOG, abort.signal)
        : undefined;
    };
    const end = async () => {
      if (isFlood) await drained(sink, 1, abort.signal);
      sink.end('worker-deleted');
    };
    const stop = emitLines(load, eventTexts(load.lineBytes), emit, () => void end());
    const close = async () => {
      abort.abort();
      stop();
    };
    return Promise.resolve({ close });
  },
  close: () => Promise.resolve(),
};

function waiting(sink: TailSink): number {
  if (sink.backlogLength === undefined) throw new Error('This sink does not tell what waits in it.');
  return sink.backlogLength;
}

async function drained(sink: TailSink, below: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && waiting(sink) >= below) await passed(1);
}

function unsupported(what: string): SidecarError {
  return new SidecarError('unsupported', `The synthetic account has no ${what}.`);
}
