import { fileURLToPath } from 'node:url';

/** The repository's root folder, with a slash. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The CLI and the library as they are published; `npm test` builds them first. */
export const BUILT_CLI = `${ROOT}dist/src/cli.cjs`;
export const BUILT_LIBRARY = `${ROOT}dist/bridge/index.js`;

/** The library as it is published. */
export async function importLibrary(): Promise<typeof import('../../bridge/index.js')> {
  return import(BUILT_LIBRARY);
}
