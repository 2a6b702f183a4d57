import type { Account, TailParams, TailSink, TailSource } from '../src/accounts/account.js';
import { SidecarError } from '../src/protocol/index.js';
import { emitLines, eventTexts, parseLoadName } from './tail-source.js';

/**
 * An account whose only Workers are log sources: the tail of `bench-<lines a second>-<lines>-<bytes>` emits just
 * that. Everything between it and the consumer is the product's own.
 */
export const syntheticAccount: Account = {
  info: { kind: 'local', id: '0'.repeat(32), name: 'bench' },
  client: () => Promise.reject(unsupported('API calls')),
  invoke: () => Promise.reject(unsupported('invoking a Worker')),
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
