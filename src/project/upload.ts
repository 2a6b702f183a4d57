import type { WorkerBinding } from '../protocol/index.js';

/** A module as API v4 takes it in a script upload. */
export interface UploadModule {
  /** Its name as other modules import it, such as `index.js` or `./data.txt`. */
  name: string;
  type: 'esm' | 'commonjs' | 'text' | 'json' | 'data' | 'wasm' | 'sourcemap';
  content: Uint8Array;
}

/** A Worker that is built and ready to be uploaded: what the project folder, entry, script or modules came to. */
export interface WorkerUpload {
  name: string;
  /** An `esm` module; a `commonjs` one is a Worker in the service-worker format, whose other modules are its globals. */
  mainModule: string;
  modules: UploadModule[];
  /** In Cloudflare's metadata shape; a KV namespace or R2 bucket without an id is to be provisioned. */
  bindings: WorkerBinding[];
  compatibilityDate: string;
  compatibilityFlags: string[];
  /** What the configuration asked for and the upload leaves out, one sentence each. */
  warnings: string[];
}
