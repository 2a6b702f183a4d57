import type { WorkerBinding } from '../protocol/index.js';
import { codeMetadata } from './service-worker.js';

/** A built Worker, as an upload sends it. */
export interface ScriptUpload {
  name: string;
  /** Of a Worker in the service-worker format a `commonjs` module, whose other modules are its globals. */
  mainModule: string;
  modules: readonly UploadedModule[];
  bindings: readonly (WorkerBinding | InheritedBinding)[];
  compatibilityDate: string;
  compatibilityFlags: readonly string[];
  settings?: ScriptSettings;
}

/** A binding that stays what the deployed Worker has under that name. */
export interface InheritedBinding {
  type: 'inherit';
  name: string;
}

interface UploadedModule {
  name: string;
  type: ModuleType;
  content: Uint8Array;
}

/** What a configuration says of a Worker beyond its code; what is left out was not configured. */
export interface ScriptSettings {
  /** Cron triggers; an empty list removes those there are. */
  crons?: readonly string[];
  /** Whether it is reachable on workers.dev; default true. */
  workersDev?: boolean;
  previewUrls?: boolean;
  /** Whether variables that the upload does not name stay. */
  keepVars?: boolean;
  logpush?: boolean;
  observability?: Readonly<Record<string, unknown>>;
  placement?: Readonly<Record<string, unknown>>;
  limits?: Readonly<Record<string, unknown>>;
  tailConsumers?: readonly Readonly<Record<string, unknown>>[];
}

export type ModuleType = keyof typeof MODULE_CONTENT_TYPES;

/** The content type that tells Cloudflare what a module of an upload is. */
export const MODULE_CONTENT_TYPES = {
  esm: 'application/javascript+module',
  commonjs: 'application/javascript',
  text: 'text/plain',
  json: 'application/json',
  data: 'application/octet-stream',
  wasm: 'application/wasm',
  sourcemap: 'application/source-map',
} as const;

/**
 * The multipart form of an upload, part for part as wrangler sends it; but that secrets stay is said, which Cloudflare
 * does unasked (https://developers.cloudflare.com/workers/configuration/multipart-upload-metadata/).
 */
export function uploadForm(upload: ScriptUpload, message: string | undefined): FormData {
  const form = new FormData();
  form.set('metadata', JSON.stringify({ ...codeMetadata(upload), ...settingsMetadata(upload, message) }));
  for (const { name, type, content } of upload.modules) {
    const file = new File([content as Uint8Array<ArrayBuffer>], name, { type: MODULE_CONTENT_TYPES[type] });
    form.set(name, file);
  }
  return form;
}

function settingsMetadata(upload: ScriptUpload, message: string | undefined) {
  const { keepVars, logpush, observability, placement, limits, tailConsumers } = upload.settings ?? {};
  return {
    compatibility_date: upload.compatibilityDate,
    compatibility_flags: upload.compatibilityFlags,
    keep_bindings: [...(keepVars ? ['plain_text', 'json'] : []), 'secret_text', 'secret_key'],
    ...(logpush !== undefined && { logpush }),
    ...(placement && { placement }),
    ...(tailConsumers && { tail_consumers: tailConsumers }),
    ...(limits && { limits }),
    ...(message !== undefined && { annotations: { 'workers/message': message } }),
    ...(observability && { observability }),
  };
}
