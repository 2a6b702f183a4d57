import type { Account, TailSink } from '../accounts/account.js';
import { type Redactor, type Result, SidecarError } from '../protocol/index.js';
import type { Handlers } from './context.js';

/**
 * Secrets that are read while the server runs (a stored token, a login that was renewed) are taken out of errors where
 * these come from; a connection itself knows only what there was when it began.
 */
export function redactHandlers(handlers: Handlers, redactor: Redactor): Handlers {
  const redacted = Object.entries(handlers).map(([method, handler]) => {
    const call = (...args: never[]) => {
      const outcome = (handler as (...args: never[]) => unknown)(...args);
      return outcome instanceof Promise ? redactError(outcome, redactor) : outcome;
    };
    return [method, call];
  });
  const { 'dashboard.getData': getData, ...others } = Object.fromEntries(redacted) as Handlers;
  return { ...others, 'dashboard.getData': async (...args) => redactData(await getData(...args), redactor) };
}

/** The one result that has errors among its data: those of the products that failed. */
function redactData(data: Result<'dashboard.getData'>, redactor: Redactor): Result<'dashboard.getData'> {
  const errors = data.errors.map((error) => ({ ...error, message: redactor.text(error.message) }));
  return { ...data, errors };
}

/** The same for what the tails of an account say. */
export function redactTails(account: Account, redactor: Redactor): Account {
  return {
    info: account.info,
    client: () => account.client(),
    invoke: (workerName, request) => account.invoke(workerName, request),
    openTail: (params, sink, signal) =>
      redactError(account.openTail(params, redactSink(sink, redactor), signal), redactor),
    close: () => account.close(),
  };
}

export async function redactError<T>(work: Promise<T>, redactor: Redactor): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw redactor.error(SidecarError.from(error));
  }
}

function redactSink(sink: TailSink, redactor: Redactor): TailSink {
  return {
    push: (eventJson) => sink.push(eventJson),
    get backlogLength() {
      return sink.backlogLength;
    },
    dropped: (count) => sink.dropped(count),
    gap: () => sink.gap?.(),
    end: (reason, error) => sink.end(reason, error && { ...error, message: redactor.text(error.message) }),
  };
}
