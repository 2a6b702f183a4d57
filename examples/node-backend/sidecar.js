// Sidecar management: one sidecar for the life of the app, its events logged, always stopped at the end.
import { TauriSidecar } from 'fluorite-flake/tauri';

/** A sidecar whose events go to `log`, one line each. It is not started yet. */
export function createSidecar(options, log) {
  const sidecar = new TauriSidecar(options);
  sidecar.on('state-change', ({ from, to }) => log(`${from} -> ${to}`));
  sidecar.on('process-exit', ({ code, signal }) =>
    log(`the CLI ended with ${signal ?? `exit code ${code}`}`),
  );
  sidecar.on('restart-failed', (error) => log(`a restart failed: ${error.message}`));
  sidecar.on('max-restarts-reached', (count) => log(`gave up after ${count} restarts`));
  sidecar.on('error', (error) => log(`error: ${error.message}`));
  return sidecar;
}

/**
 * Starts the sidecar, runs `work`, and stops the sidecar whatever happens: at the end, after a failure, at Ctrl-C.
 * @returns the exit code of the app
 */
export async function runWithSidecar(sidecar, work) {
  let interruptedBy;
  // Calls in flight are settled by stop(), so `work` ends by itself. A second Ctrl-C ends the app at once.
  const onSignal = (signal) => {
    interruptedBy = signal;
    void sidecar.stop();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    await sidecar.start();
    await work(sidecar);
  } catch (error) {
    if (interruptedBy === undefined) throw error;
  } finally {
    await sidecar.stop();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
  if (interruptedBy === undefined) return 0;
  return interruptedBy === 'SIGINT' ? 130 : 143;
}
