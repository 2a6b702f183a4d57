import type { Account, TailParams, TailSink, TailSource } from '../src/accounts/account.js';
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
    const stop = emitLines(
      load,
      eventTexts(load.lineBytes),
      (line) => sink.push(line),
      () => sink.end('worker-deleted'),
    );
    return Promise.resolve({ close: async () => stop() });
  },
  close: () => Promise.resolve(),
};

function unsupported(what: string): SidecarError {
  return new SidecarError('unsupported', `The synthetic account has no ${what}.`);
}
