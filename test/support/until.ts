import { setTimeout as delay } from 'node:timers/promises';

/** Longer than anything takes on a machine with too much to do: what is not there by then never comes. */
export const HANG_MS = 240_000;

// The real ones: a test may turn the clock by hand.
const { setTimeout, clearTimeout } = globalThis;
const now = performance.now.bind(performance);

/** Looks again and again until `condition` holds. @throws Error that names `what`, when it never does */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = now() + HANG_MS;
  while (!(await condition())) {
    if (now() > deadlineMs) throw new Error(`it never came: ${what}`);
    await delay(5);
  }
}

/** What the promise gives. @throws Error that names `what`, when it never settles */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const never = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it never came: ${what}`)), HANG_MS);
  });
  return Promise.race([promise, never]).finally(() => clearTimeout(timer));
}
