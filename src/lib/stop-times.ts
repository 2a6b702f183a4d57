/** What `ipc` takes for its end when nobody says how long it may. */
export const DEFAULT_CLI_STOP_MS = 10_000;

/** The shells that guard workerd need so long to end it, whatever was asked for. */
const LEAST_FAMILY_MS = 300;

/** How long each step of a stop may take, in milliseconds. */
export interface StopTimes {
  /** In the CLI: the calls in flight, then the cancelled ones, then the account with its processes. */
  callsMs: number;
  cancelledMs: number;
  accountMs: number;
  /** Around the CLI: all of the above, the end of its stdin, SIGTERM, and what SIGKILL leaves to be waited for. */
  shutdownMs: number;
  stdinEndMs: number;
  sigtermMs: number;
  familyMs: number;
}

/** Shares `totalMs` among the steps. They are less than it together: messages between the threads take time too. */
export function stopTimes(totalMs: number): StopTimes {
  const share = (part: number) => Math.round(totalMs * part);
  return {
    callsMs: share(0.3),
    cancelledMs: share(0.1),
    accountMs: share(0.33),
    shutdownMs: share(0.75),
    stdinEndMs: share(0.08),
    sigtermMs: share(0.07),
    familyMs: Math.max(share(0.06), LEAST_FAMILY_MS),
  };
}
