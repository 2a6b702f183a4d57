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
  /** What the configuration says of the Worker beyond its code. Only Cloudflare has a use for it. */
  settings?: WorkerSettings;
  /** What the configuration asked for and the upload leaves out, one sentence each. */
  warnings: string[];
}

/** Configured fields as Cloudflare takes them; one that is left out was not configured. */
export interface WorkerSettings {
  /** Cron triggers; an empty list removes those there are. */
  crons?: string[];
  /** Whether the Worker is reachable on workers.dev; default true. */
  workersDev?: boolean;
  previewUrls?: boolean;
  /** Whether variables that the upload does not name stay. */
  keepVars?: boolean;
  logpush?: boolean;
  observability?: Record<string, unknown>;
  placement?: Record<string, unknown>;
  limits?: Record<string, unknown>;
  tailConsumers?: Record<string, unknown>[];
}
