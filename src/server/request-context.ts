import type { NotificationParams } from '../protocol/index.js';
import type { CallContext } from './context.js';

/** The context of one request. Its signal is made when it is first asked for: most calls never do. */
export class RequestContext implements CallContext {
  readonly #id: number | string;
  readonly #notify: (method: '$/progress', params: NotificationParams<'$/progress'>) => void;
  #controller: AbortController | undefined;
  #cancelled = false;

  constructor(
    id: number | string,
    notify: (method: '$/progress', params: NotificationParams<'$/progress'>) => void,
  ) {
    this.#id = id;
    this.#notify = notify;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#controller?.abort();
  }

  /** A function of its own, so that a handler may take it out of the context. Made when it is asked for. */
  get progress(): CallContext['progress'] {
    return (value) => {
      if (!this.#cancelled) this.#notify('$/progress', { token: this.#id, value });
    };
  }
}
