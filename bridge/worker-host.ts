import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Endpoint, type Remote, releaseProxy, wrap } from 'comlink';
import type * as PiscinaModule from 'piscina';
import { SidecarError } from '../src/protocol/index.js';
import { CoalescingEndpoint } from '../src/transport/coalescing-endpoint.js';
import { drainPort } from '../src/transport/drain-port.js';
import type { LaneMessage, WorkerApi, WorkerTask } from '../worker/contract.js';
import { Outbox } from './outbox.js';
import type { PackageFiles } from './package-files.js';

/** One worker thread, hosted by piscina, and the two ports to it. */
export class WorkerHost {
  readonly #pool: PiscinaModule.Piscina;
  readonly #lane: MessagePort;
  readonly #apiPort: MessagePort;
  readonly #api: Remote<WorkerApi>;
  readonly #laneOutbox: Outbox;
  readonly #apiOutbox: Outbox;
  readonly #onMessage: (message: LaneMessage) => void;
  readonly #onDeath: (error: SidecarError) => void;
  /** Calls of the API that have not been answered. */
  readonly #running = new Set<(error: unknown) => void>();
  #death: SidecarError | undefined;
  #closed = false;

  constructor(
    { worker, pool }: PackageFiles,
    onMessage: (message: LaneMessage) => void,
    onDeath: (error: SidecarError) => void,
  ) {
    // By its path: piscina starts a file of its own, which it would miss inside an app's bundle.
    const { Piscina } = createRequire(pool)(pool) as typeof PiscinaModule;
    // With atomics, piscina blocks the thread's event loop between tasks; one thread with one endless task needs none.
    this.#pool = new Piscina({
      filename: pathToFileURL(worker).href,
      // None in advance: piscina would replace a thread that died by an idle one.
      minThreads: 0,
      maxThreads: 1,
      atomics: 'disabled',
      recordTiming: false,
    });
    // The rejection of the one task tells the death of its thread. A thread that cannot even be loaded tells it here
    // alone, and piscina would try again for ever.
    this.#pool.on('error', (error: Error) => this.#die(threadFailed(error.message, error)));
    const api = new MessageChannel();
    const lane = new MessageChannel();
    this.#apiPort = api.port1;
    this.#lane = lane.port1;
    this.#lane.on('message', onMessage);
    this.#onMessage = onMessage;
    // CoalescingEndpoint has the three methods of comlink's Endpoint, whose types are the browser's.
    this.#api = wrap<WorkerApi>(new CoalescingEndpoint(api.port1) as unknown as Endpoint);
    this.#laneOutbox = new Outbox((bodies) => {
      if (!this.#closed) this.#lane.postMessage(bodies);
    });
    // The death of the thread, the one way for this to fail, is told to everybody by itself.
    this.#apiOutbox = new Outbox(
      (bodies) => void this.run((proxied) => proxied.send(bodies)).catch(() => undefined),
    );
    const task: WorkerTask = { api: api.port2, lane: lane.port2 };
    this.#pool.run(task, { transferList: [api.port2, lane.port2] }).then(
      () => this.#die(threadFailed('it returned')),
      (error: Error) => this.#die(threadFailed(error.message, error)),
    );
    this.#onDeath = onDeath;
  }

  #die(error: SidecarError): void {
    if (this.#death !== undefined) return;
    this.#death = error;
    if (!this.#closed) {
      this.drain();
      this.#onDeath(error);
    }
    for (const reject of this.#running) reject(error);
    this.#running.clear();
    void this.close();
  }

  /**
   * Calls the worker's API. comlink's own promise would never settle when the thread dies; this one does.
   * @throws SidecarError `worker-thread-failed`
   */
  run<T>(call: (api: Remote<WorkerApi>) => Promise<T>): Promise<T> {
    if (this.#death !== undefined) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      // Not a race against one promise of the thread's death: that would keep a reaction of every call ever made.
      this.#running.add(reject);
      const settle =
        <V>(end: (value: V) => void) =>
        (value: V) => {
          this.#running.delete(reject);
          end(value);
        };
      call(this.#api).then(settle(resolve), settle(reject));
    });
  }

  /**
   * Ends a thread that does nothing any more, and tells its death. Does not wait for it: one that is held up inside the
   * system ends when that lets it go.
   */
  giveUp(why: string): void {
    this.#die(threadFailed(why));
  }

  /** Delivers what the thread has posted on the lane until now: its answer to `run` may have overtaken that. */
  drain(): void {
    drainPort(this.#lane, this.#onMessage);
  }

  /** Sends a message to the child, by the lane. */
  post(body: string): void {
    this.#laneOutbox.add(body);
  }

  /** Sends a message to the child, by the comlink proxy; those of one tick are one call of it. */
  send(body: string): void {
    this.#apiOutbox.add(body);
  }

  /** Ends the thread. The child must have ended before: a thread that is terminated cannot reap it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const stopped = this.#death ?? new SidecarError('not-running', 'The sidecar was stopped.');
    for (const reject of this.#running) reject(stopped);
    this.#running.clear();
    this.#api[releaseProxy]();
    await this.#pool.destroy();
    this.#apiPort.close();
    this.#lane.close();
  }
}

function threadFailed(why: string, cause?: unknown): SidecarError {
  return new SidecarError('worker-thread-failed', `The worker thread has ended: ${why}.`, { cause });
}
