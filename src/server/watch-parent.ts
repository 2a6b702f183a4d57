const POLL_MS = 1000;

/**
 * Calls `onGone` when the process that started this one has ended, even if something still holds its end of stdin
 * open: the kernel then gives this process another parent. @returns a function that stops watching
 */
export function watchParent(onGone: () => void): () => void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, POLL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
