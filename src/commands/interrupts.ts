import { constants } from 'node:os';

/** Time for a command to clean up after itself. */
const GRACE_MS = 5_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interrupts {
  /** Aborted at the first signal, or by `end`. */
  readonly signal: AbortSignal;
  /** 128 + the signal's number, as shells report it; undefined when nothing interrupted. */
  readonly exitCode: number | undefined;
  /** Resolves at the second signal: the user does not want to wait for the cleaning up. */
  readonly impatient: Promise<void>;
  /** Resolves when the command has not ended some seconds after it was interrupted. */
  readonly overdue: Promise<void>;
  /** Ends the command as a signal does, with this exit code. */
  end(exitCode: number): void;
  release(): void;
}

/** Turns Ctrl-C and its like into an abort of the running command. */
export function watchInterrupts(): Interrupts {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let hurry = () => {};
  const impatient = new Promise<void>((resolve) => {
    hurry = resolve;
  });
  let giveUp = () => {};
  const overdue = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const end = (code: number) => {
    if (controller.signal.aborted) return hurry();
    exitCode = code;
    controller.abort();
    setTimeout(giveUp, GRACE_MS).unref();
  };
  const onSignal = (name: NodeJS.Signals) => end(128 + constants.signals[name]);
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    impatient,
    overdue,
    end,
    release: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
