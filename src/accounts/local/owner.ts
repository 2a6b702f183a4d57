import { localRouter } from './api/index.js';
import { carriedCode, failed } from './envelope.js';
import { fenced } from './fenced-runtime.js';
import { type HeldLock, MAY_BE_DONE } from './held-lock.js';
import type { OwnerSocket } from './owner-socket.js';
import { LocalServices, type ServicesOptions } from './services.js';

export interface OwnerOptions extends Omit<ServicesOptions, 'ownership'> {
  /** How often it is looked whether this process still owns the directory while workerd runs. Default 1,000. */
  watchIntervalMs?: number;
}

/** How long an owner that closes waits for the answers that it owes to others. */
const DRAIN_MS = 1000;
const WATCH_INTERVAL_MS = 1000;
/** What calls in flight fail with when what they use is ended. */
const ENDED_BENEATH: readonly string[] = ['not-running', 'workerd-failed', 'workerd-missing'];

/** This process, while it owns the state directory: it answers its own requests and those of others. */
export class Owner {
  readonly #lock: HeldLock;
  readonly #socket: OwnerSocket;
  readonly #services: LocalServices;
  readonly #route: (request: Request) => Promise<Response>;
  readonly #watch: OwnerWatch;
  #ended: Promise<void> | undefined;

  /** @throws SidecarError `state-corrupt` */
  static async open(options: OwnerOptions, lock: HeldLock, socket: OwnerSocket): Promise<Owner> {
    const watch = new OwnerWatch(lock, options);
    const createRuntime = async () => {
      watch.start();
      return fenced(await options.createRuntime(), lock);
    };
    const services = await LocalServices.open({ ...options, createRuntime, ownership: lock });
    return new Owner(options, lock, socket, services, watch);
  }

  private constructor(
    options: OwnerOptions,
    lock: HeldLock,
    socket: OwnerSocket,
    services: LocalServices,
    watch: OwnerWatch,
  ) {
    this.#lock = lock;
    this.#socket = socket;
    this.#services = services;
    this.#watch = watch;
    this.#route = (request) => localRouter.answer(request, services, options.log);
    socket.open((request) => this.#handle(request));
    void lock.lost.then(() => {
      options.log(`local account: ${lock.lossError('state-moved', 'What it ran is ended.').message}`);
      this.#ended ??= this.#end();
      return this.#ended.catch((error: unknown) => options.log(`local account: ${error}`));
    });
  }

  /**
   * Answers a request of this process.
   * @returns undefined when this process owns the directory no longer, and nothing was done.
   */
  async answer(request: Request): Promise<Response | undefined> {
    return (await this.#lock.isHeld()) ? this.#handle(request) : undefined;
  }

  /** Lets others have the answers they wait for, ends what runs and gives the directory back. Can be called twice. */
  close(): Promise<void> {
    this.#ended ??= this.#closePolitely();
    return this.#ended;
  }

  async #closePolitely(): Promise<void> {
    this.#socket.refuse();
    // A tail has no end of its own; it is opened again at the next owner.
    this.#services.tails.close();
    await this.#socket.drain(DRAIN_MS);
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#socket.refuse();
    this.#watch.stop();
    // First all work: as long as the lock holds, nobody else starts on the same files.
    await this.#services.close();
    await this.#lock.release().finally(() => this.#socket.close());
  }

  async #handle(request: Request): Promise<Response> {
    const response = await this.#route(request);
    if (this.#lock.loss === undefined || !ENDED_BENEATH.includes(carriedCode(response) ?? ''))
      return response;
    return failed(this.#lock.lossError('indeterminate', MAY_BE_DONE));
  }
}

/** While workerd runs, which writes to the directory by itself. */
class OwnerWatch {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly lock: HeldLock,
    private readonly options: Pick<OwnerOptions, 'watchIntervalMs' | 'log'>,
  ) {}

  start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => {
      this.lock.isHeld().catch((error: unknown) => {
        this.options.log(`local account: whether it still owns its state cannot be told: ${error}`);
      });
    }, this.options.watchIntervalMs ?? WATCH_INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
