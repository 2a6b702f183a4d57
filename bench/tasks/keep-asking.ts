import { setTimeout as passed } from 'node:timers/promises';

const EVERY_MS = 10;

/** Asks a Worker again and again, for it to have something to log. */
export function keepAsking(ask: () => Promise<unknown>): { stop(): void } {
  let stopped = false;
  const loop = async () => {
    while (!stopped) {
      await ask();
      await passed(EVERY_MS);
    }
  };
  // A Worker that cannot be asked shows as a tail without events; the session may be closing.
  loop().catch((error: unknown) => {
    if (!stopped) process.stderr.write(`The Worker could not be asked: ${error}\n`);
  });
  return {
    stop() {
      stopped = true;
    },
  };
}
