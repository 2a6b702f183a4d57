import { SidecarError } from '../../protocol/index.js';
import type { TailSink, TailSource } from '../account.js';
import type { SharedApi } from './shared-api.js';
import type { LocalTailParams } from './tail-filter.js';
import { streamToSink } from './tail-stream.js';

/** How often a tail that was cut off is opened again without an event in between. */
const MAX_REOPENINGS = 20;

/**
 * A tail over the local API. When the owner of the state directory goes away, it is opened again at the next one, which
 * may be this process; what happened in between is lost, uncounted, and told as a gap.
 */
export async function openLocalTail(
  api: SharedApi,
  params: LocalTailParams,
  sink: TailSink,
  signal: AbortSignal,
): Promise<TailSource> {
  const aborter = new AbortController();
  const ended = aborter.signal;
  const abort = () => aborter.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  let reader = await openStream(api, params, ended)
    .catch((error: unknown) => {
      throw signal.aborted
        ? new SidecarError('cancelled', 'The tail was cancelled before it was open.')
        : error;
    })
    .finally(() => signal.removeEventListener('abort', abort));
  let idleReopenings = 0;
  let isHandedOver = false;
  const counted: TailSink = {
    push(eventJson) {
      idleReopenings = 0;
      sink.push(eventJson);
    },
    dropped: (count) => sink.dropped(count),
    gap: (event) => sink.gap(event),
    end(reason, error) {
      // The owner's account, not this one: whether that is closed too, the next opening tells.
      if (reason === 'account-closed') isHandedOver = true;
      else sink.end(reason, error);
    },
  };

  async function pump(): Promise<void> {
    while (!ended.aborted) {
      const saidWhy = await streamToSink(reader, counted).catch(() => false);
      if ((saidWhy && !isHandedOver) || ended.aborted) return;
      isHandedOver = false;
      idleReopenings += 1;
      if (idleReopenings > MAX_REOPENINGS) {
        throw new SidecarError(
          'connection-lost',
          `The tail of ${params.workerName} was cut off ${MAX_REOPENINGS} times.`,
        );
      }
      reader = await openStream(api, params, ended);
      if (ended.aborted) {
        // Closed while it was opened: nobody reads it.
        await reader.cancel().catch(() => {});
        return;
      }
      sink.gap();
    }
  }
  const pumping = pump().catch((error: unknown) => {
    if (ended.aborted) return;
    const { code, message } = SidecarError.from(error);
    if (code === 'not-found') sink.end('worker-deleted');
    else if (code === 'not-running') sink.end('account-closed');
    else sink.end('error', { code, message });
  });

  return {
    async close() {
      aborter.abort();
      // Both ends may have gone already: the stream is then closed, which is what was asked for.
      await reader.cancel().catch(() => {});
      await pumping;
    },
  };
}

async function openStream(
  api: SharedApi,
  { workerName, ...filters }: LocalTailParams,
  signal: AbortSignal,
): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const make = () =>
    new Request(`http://local/local/tails/${encodeURIComponent(workerName)}`, {
      method: 'POST',
      body: JSON.stringify(filters),
      signal,
    });
  const response = await api.send(make, true);
  if (response.ok && response.body) return response.body.getReader();
  const { answerError } = await import('./answer-error.js');
  throw await answerError(response, `tail the Worker ${workerName}`);
}
