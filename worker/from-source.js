// The worker's entry in development, when the sources run as they are: Node 20 does not hand the loader of
// `--import tsx` on to threads, so the thread registers its own. Never built, never published.
import { register } from 'tsx/esm/api';

register();
const { default: main } = await import('./main.ts');
export default main;
