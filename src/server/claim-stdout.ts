import type { Writable } from 'node:stream';

/**
 * Takes stdout for frames alone. From here on `process.stdout` and everything that writes to it, `console.log`
 * of a dependency included, reaches stderr: one stray line among the frames would end the session.
 * Must run before any other module is evaluated.
 */
export function claimStdout(): Writable {
  const frames = process.stdout;
  // A host that no longer reads the debug log has not ended the session: without this its EPIPE would.
  process.stderr.on('error', () => {});
  Object.defineProperty(process, 'stdout', {
    configurable: true,
    enumerable: true,
    get: () => process.stderr,
  });
  return frames;
}
