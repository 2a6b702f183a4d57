const POLL_MS = 1000;
/** As it was when this process began: it may be gone by the time anybody watches. */
const parent = process.ppid;

/**
 * Calls `onGone` when the process that started this one has ended, even if something still holds its end of stdin
 * open: the kernel then gives this process another parent. @returns a function that stops watching
 */
export function watchParent(onGone: () => void, pollMs = POLL_MS): () => void {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, pollMs);
  timer.unref();
  return () => clearInterval(timer);
}
