import * as z from 'zod';
import { r2BucketName, workerName } from '../protocol/resources.js';

const names = z.array(z.string());
const binding = z
  .string()
  .regex(/^[A-Za-z_$][\w$]*$/, 'a binding is a JavaScript identifier: letters, digits, _ and $ only');

export const moduleRule = z.strictObject({
  type: z.enum(['ESModule', 'CommonJS', 'CompiledWasm', 'Text', 'Data', 'PythonModule', 'PythonRequirement']),
  globs: names,
  fallthrough: z.boolean().optional(),
});
export type ModuleRule = z.infer<typeof moduleRule>;

const object = z.record(z.string(), z.json());

/** What an environment takes over from the top level when it does not say otherwise. */
const inheritable = {
  name: workerName().optional(),
  main: z.string().min(1).optional(),
  compatibility_date: z.iso.date().optional(),
  compatibility_flags: names.optional(),
  rules: z.array(moduleRule).optional(),
  no_bundle: z.boolean().optional(),
  find_additional_modules: z.boolean().optional(),
  preserve_file_names: z.boolean().optional(),
  base_dir: z.string().optional(),
  minify: z.boolean().optional(),
  keep_names: z.boolean().optional(),
  tsconfig: z.string().optional(),
  jsx_factory: z.string().optional(),
  jsx_fragment: z.string().optional(),
  upload_source_maps: z.boolean().optional(),
  triggers: z.looseObject({ crons: names.nullish() }).nullish(),
  workers_dev: z.boolean().nullish(),
  preview_urls: z.boolean().nullish(),
  logpush: z.boolean().nullish(),
  observability: object.nullish(),
  placement: object.nullish(),
  limits: object.nullish(),
  build: z.looseObject({ command: z.string().optional(), cwd: z.string().optional() }).optional(),
};

/** What every environment states for itself. */
const notInheritable = {
  /** Of the local account alone: which names are taken from `.dev.vars`. */
  secrets: z.looseObject({ required: names.optional() }).optional(),
  vars: z.record(z.string(), z.json()).optional(),
  define: z.record(z.string(), z.string()).optional(),
  tail_consumers: z.array(object).nullish(),
  kv_namespaces: z
    .array(
      z.looseObject({
        binding,
        // Which ids there can be depends on the account: see kv-ids.ts.
        id: z.string().min(1).optional(),
      }),
    )
    .optional(),
  r2_buckets: z
    .array(
      z.looseObject({ binding, bucket_name: r2BucketName().optional(), jurisdiction: z.string().optional() }),
    )
    .optional(),
  services: z
    .array(
      z.looseObject({
        binding,
        service: workerName(),
        environment: z.string().optional(),
        entrypoint: z.string().optional(),
      }),
    )
    .optional(),
};

const environment = z.looseObject({ ...inheritable, ...notInheritable });

const paths = z.record(z.string(), z.string());

/** What no environment can say differently. */
const topLevelOnly = {
  alias: z.record(z.string(), z.string()).optional(),
  keep_vars: z.boolean().nullish(),
  /** Files by the name of the global that a service worker sees them as. */
  wasm_modules: paths.optional(),
  text_blobs: paths.optional(),
  data_blobs: paths.optional(),
  /** Of a generated configuration: the environment it was generated for. */
  targetEnvironment: z.string().nullish(),
};

/** A wrangler configuration as far as it is understood; other fields are kept and judged in `config-fields.ts`. */
export const wranglerConfig = environment.extend({
  ...topLevelOnly,
  env: z.record(z.string(), environment).optional(),
});
export type WranglerConfig = z.infer<typeof wranglerConfig>;
export type WranglerEnvironment = z.infer<typeof environment>;

export const APPLIED_FIELDS: ReadonlySet<string> = new Set(
  Object.keys({ ...inheritable, ...notInheritable, ...topLevelOnly, env: 0 }),
);
export const TOP_LEVEL_FIELDS: ReadonlySet<string> = new Set(['env', ...Object.keys(topLevelOnly)]);
export const INHERITABLE_FIELDS: readonly string[] = Object.keys(inheritable);
