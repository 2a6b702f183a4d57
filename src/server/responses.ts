import { shorten } from '../lib/shorten.js';
import { type NotificationParams, type Redactor, SidecarError, secretsOfParams } from '../protocol/index.js';
import type { Reply } from './batch-reply.js';
import { errorText, resultText } from './response-text.js';

const MAX_PROGRESS_CHARS = 1000;

export interface ResponsesOptions {
  redactor: Redactor;
  maxBodyBytes: number;
  log(line: string): void;
  /** Called for each result before it is written. */
  onResult(id: number | string): void;
}

/** Writes the answers of one connection: within its limit, and without what no error may show. */
export class Responses {
  readonly #options: ResponsesOptions;

  constructor(options: ResponsesOptions) {
    this.#options = options;
  }

  result(id: number | string, result: unknown, reply: Reply, onWritten?: () => void): void {
    this.#options.onResult(id);
    reply(resultText(id, result, this.#options.maxBodyBytes), onWritten);
  }

  error(id: number | string | null, error: SidecarError, reply: Reply): void {
    const { redactor, maxBodyBytes } = this.#options;
    reply(errorText(id, redactor.error(error), maxBodyBytes));
  }

  /** What is told of a call's progress, made safe to show: first without secrets, then of a bounded length. */
  progress(params: unknown): (told: NotificationParams<'$/progress'>) => NotificationParams<'$/progress'> {
    let redactor: Redactor | undefined;
    return ({ token, value }) => {
      // Made for the first line: most calls tell none.
      redactor ??= this.#options.redactor.with(secretsOfParams(params));
      const message = shorten(redactor.text(value.message), MAX_PROGRESS_CHARS);
      return { token, value: { ...value, message } };
    };
  }

  /** Answers a call that has failed. A failure that nobody foresaw is logged whole. */
  failure(id: number | string, method: string, params: unknown, error: unknown, reply: Reply): void {
    const redactor = this.#options.redactor.with(secretsOfParams(params));
    const failure = redactor.error(SidecarError.from(error));
    if (failure.code === 'internal-error') {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.log(redactor.text(`${method}: ${text}`));
    }
    this.error(id, failure, reply);
  }
}
