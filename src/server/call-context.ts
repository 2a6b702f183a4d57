import type { NotificationParams } from '../protocol/index.js';

type Progress = NotificationParams<'$/progress'>['value'];
type Notify = (method: '$/progress', params: NotificationParams<'$/progress'>) => void;

/**
 * What a handler may use beside its params. Its signal is made when it is first asked for: most calls never do.
 *
 * The members are accessors of the class: a spread copies none of them, and TypeScript leaves them out of its type.
 * Hand them on by name. A plain object is no context either, so that tests use what the server makes.
 */
export class CallContext {
  readonly #id: number | string;
  readonly #notify: Notify;
  #controller: AbortController | undefined;
  #cancelled = false;
  #reason: unknown;

  constructor(id: number | string, notify: Notify) {
    this.#id = id;
    this.#notify = notify;
  }

  /** The context of a call made in this process: cancelled with `signal`, its progress told to `onProgress`. */
  static within(signal: AbortSignal, onProgress: (value: Progress) => void): CallContext {
    const context = new CallContext(0, (_method, { value }) => onProgress(value));
    if (signal.aborted) context.cancel(signal.reason);
    else signal.addEventListener('abort', () => context.cancel(signal.reason), { once: true });
    return context;
  }

  /** Aborted when the caller cancels, its connection ends, or the server shuts down. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  cancel(reason?: unknown): void {
    this.#cancelled = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }

  /** Reports progress to the caller; cheap when nobody listens. A function that may be taken out of the context. */
  get progress(): (value: Progress) => void {
    return (value) => {
      if (!this.#cancelled) this.#notify('$/progress', { token: this.#id, value });
    };
  }
}
