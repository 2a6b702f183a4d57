export { claimStdout } from './claim-stdout.js';
export { type ServeOptions, serveStdio } from './serve-stdio.js';
