import * as z from 'zod';
import { type MethodDefinition, method } from './define-method.js';
import { handshakeMethods } from './handshake.js';
import { lazy } from './lazy.js';
import * as r from './resources.js';

const noParams = lazy(() => z.strictObject({}));
const success = lazy(() => z.object({ success: z.literal(true) }));
const page = lazy(() => ({
  cursor: r.text().optional(),
  limit: z.number().int().min(1).max(1000).optional(),
}));
/** What finding and opening an account, and any answer of it, may come to. */
const ACCOUNT_ERRORS = [
  'credentials-missing',
  'credentials-invalid',
  'credentials-expired',
  'permission-denied',
  'rate-limited',
  'not-found',
  'conflict',
  'limit-exceeded',
  'cloudflare-error',
  'network-error',
  'state-locked',
  'state-corrupt',
  'state-moved',
  'file-error',
  'unsupported',
] as const;
/** And what needs workerd, for Workers or for what is stored. */
const RUNTIME_ERRORS = [
  ...ACCOUNT_ERRORS,
  'unsupported-platform',
  'workerd-missing',
  'workerd-failed',
] as const;
const DEPLOY_TIMEOUT_MS = 120_000;
const TRANSFER_TIMEOUT_MS = 300_000;

/**
 * The contract. Types, dispatch, validation on both sides, `rpc.discover`, the method reference in
 * `docs/` and the CLI's `--json` shapes all come from this table and from nothing else.
 */
export const methods = {
  ...handshakeMethods,

  'system.ping': method(() => ({
    summary: 'Answers at once; the payload comes back unchanged.',
    params: z.strictObject({ payload: z.unknown().optional() }),
    result: z.object({ pong: z.literal(true), timestamp: z.number(), payload: z.unknown().optional() }),
    repeatable: true,
    effect: 'read',
  })),
  'system.version': method(() => ({
    summary: 'Versions of the CLI, Node, the protocol and workerd.',
    params: noParams(),
    result: z.object({
      version: z.string(),
      node: z.string(),
      protocol: z.number(),
      workerd: z.string().optional(),
    }),
    repeatable: true,
    effect: 'read',
  })),
  'system.shutdown': method(() => ({
    summary: 'Finishes the calls in flight, answers, then ends the server with exit code 0.',
    params: noParams(),
    result: success(),
    repeatable: true,
    effect: 'read',
  })),
  'rpc.discover': method(() => ({
    summary: 'This contract as an OpenRPC document.',
    params: noParams(),
    result: z.looseObject({ openrpc: z.string(), info: z.unknown(), methods: z.array(z.unknown()) }),
    repeatable: true,
    effect: 'read',
  })),

  'dashboard.getData': method(() => ({
    summary:
      'Everything a dashboard shows, asked for in parallel; a product that fails is an entry in `errors`.',
    params: noParams(),
    result: z.object({
      account: r.accountInfo(),
      workers: z.array(r.worker()),
      r2Buckets: z.array(r.r2Bucket()),
      kvNamespaces: z.array(r.kvNamespace()),
      durableObjects: z.array(r.durableObjectNamespace()),
      deployments: z.array(r.deployment()),
      analytics: r.analytics().optional(),
      errors: z.array(r.dashboardError()),
    }),
    errors: ACCOUNT_ERRORS,
    repeatable: true,
    effect: 'read',
  })),
  'dashboard.deployWorker': method(() => ({
    summary:
      'Deploys a Worker: from the project folder `cwd` (wrangler.jsonc, .json or .toml, bundled with esbuild), from an `entry` file, or from `script` or `modules` as given.',
    params: z.strictObject({
      /** Overrides the configuration's name; required with `script` or `modules`. */
      name: r.workerName().optional(),
      /** The configuration's environment. */
      env: r.text().min(1).optional(),
      /** Builds and checks, deploys nothing. */
      dryRun: z.boolean().default(false),
      /** The project folder; the server's own working directory when neither `script` nor `modules` is given. */
      cwd: r.path().optional(),
      /** The configuration, relative to `cwd`, instead of the one that is found there; no redirection is followed. */
      config: r.path().optional(),
      /** The entry file, relative to `cwd`; overrides the configuration's `main`. */
      entry: r.path().optional(),
      /** The whole Worker as one ES module. */
      script: r.text().optional(),
      /** The Worker as modules; the first one is the main module. */
      modules: z.array(r.workerModule()).min(1).optional(),
      /** Added to the configuration's bindings; one of the same name wins over it. */
      bindings: z.array(r.workerBinding()).optional(),
      /** Plain text bindings by name. */
      vars: z.record(r.text(), r.text()).optional(),
      compatibilityDate: z.iso.date().optional(),
      compatibilityFlags: z.array(r.text()).optional(),
      minify: z.boolean().optional(),
      /** Kept with the deployment. */
      message: r.text().max(100).optional(),
    }),
    result: z.object({
      success: z.literal(true),
      message: z.string(),
      name: z.string(),
      version: z.string().optional(),
      etag: z.string().optional(),
      url: z.string().optional(),
      startupTimeMs: z.number().optional(),
      /** Bytes of all modules, and the same gzipped. */
      size: z.number(),
      gzipSize: z.number(),
      dryRun: z.boolean(),
      /** What the configuration asked for and the deploy left out or changed. */
      warnings: z.array(z.string()),
      /** What was made on the way: namespaces and buckets. */
      notes: z.array(z.string()),
    }),
    errors: [
      'config-not-found',
      'config-invalid',
      'build-failed',
      'command-failed',
      'script-invalid',
      'already-exists',
      ...RUNTIME_ERRORS,
    ],
    repeatable: false,
    effect: 'write',
    timeoutMs: DEPLOY_TIMEOUT_MS,
  })),
  'dashboard.listWorkers': method(() => ({
    summary: 'All Workers of the account.',
    params: noParams(),
    result: z.array(r.worker()),
    errors: ACCOUNT_ERRORS,
    repeatable: true,
    effect: 'read',
  })),
  'dashboard.deleteWorker': method(() => ({
    summary: 'Deletes a Worker.',
    params: z.strictObject({ name: r.workerName() }),
    result: success(),
    errors: RUNTIME_ERRORS,
    repeatable: false,
    effect: 'write',
  })),
  'dashboard.invokeWorker': method(() => ({
    summary: 'Sends one HTTP request to a deployed Worker and returns its response.',
    params: z.strictObject({
      name: r.workerName(),
      /** Absolute, or a path and query; default `/`. */
      url: r.text().optional(),
      method: z
        .string()
        .regex(/^[A-Z]+$/, 'an HTTP method in capitals')
        .default('GET'),
      headers: z.record(z.string(), r.headerValue()).optional(),
      body: r.text().optional(),
      bodyEncoding: r.bodyEncoding().default('utf8'),
    }),
    result: z.object({
      status: z.number(),
      headers: z.record(z.string(), z.string()),
      /** Text, or base64 when it is not UTF-8. */
      body: z.string(),
      bodyEncoding: r.bodyEncoding().optional(),
    }),
    errors: ['result-too-large', 'script-invalid', ...RUNTIME_ERRORS],
    repeatable: false,
    effect: 'write',
    timeoutMs: DEPLOY_TIMEOUT_MS,
  })),
  'dashboard.listR2Buckets': method(() => ({
    summary: 'All R2 buckets of the account.',
    params: noParams(),
    result: z.array(r.r2Bucket()),
    errors: ACCOUNT_ERRORS,
    repeatable: true,
    effect: 'read',
  })),
  'dashboard.createR2Bucket': method(() => ({
    summary: 'Creates an R2 bucket.',
    params: z.strictObject({
      name: r.r2BucketName(),
      locationHint: r.r2LocationHint().optional(),
      storageClass: r.r2StorageClass().optional(),
    }),
    result: success().extend({ bucket: r.r2Bucket() }),
    errors: ['already-exists', ...ACCOUNT_ERRORS],
    repeatable: false,
    effect: 'write',
  })),
  'dashboard.deleteR2Bucket': method(() => ({
    summary: 'Deletes an empty R2 bucket.',
    params: z.strictObject({ name: r.r2BucketName() }),
    result: success(),
    errors: ['not-empty', ...RUNTIME_ERRORS],
    repeatable: false,
    effect: 'write',
  })),
  'dashboard.listKvNamespaces': method(() => ({
    summary: 'All KV namespaces of the account.',
    params: noParams(),
    result: z.array(r.kvNamespace()),
    errors: ACCOUNT_ERRORS,
    repeatable: true,
    effect: 'read',
  })),
  'dashboard.createKvNamespace': method(() => ({
    summary: 'Creates a KV namespace.',
    params: z.strictObject({ title: r.text().min(1).max(512) }),
    result: success().extend({ namespace: r.kvNamespace() }),
    errors: ['already-exists', ...ACCOUNT_ERRORS],
    repeatable: false,
    effect: 'write',
  })),
  'dashboard.deleteKvNamespace': method(() => ({
    summary: 'Deletes a KV namespace and all of its keys.',
    params: z.strictObject({ id: r.kvNamespaceId() }),
    result: success(),
    errors: RUNTIME_ERRORS,
    repeatable: false,
    effect: 'write',
  })),
  'dashboard.tailLogs': method(() => ({
    summary:
      'Opens a stream of trace events of one Worker; they arrive as `tail/batch` notifications until `dashboard.stopTail`.',
    params: z.strictObject({
      workerName: r.workerName(),
      /** Only these outcomes. */
      status: z
        .array(z.enum(['ok', 'error', 'canceled']))
        .min(1)
        .optional(),
      /** Only these HTTP methods. */
      method: z.array(r.text()).min(1).optional(),
      /** Only events one of whose log messages contains this text. */
      search: r.text().min(1).optional(),
      /** The share of events to send, over 0 and up to 1. */
      samplingRate: z.number().gt(0).max(1).optional(),
      /** Only requests with these headers, each optionally of one value. */
      headers: z
        .array(z.strictObject({ key: r.text().min(1), query: r.text().optional() }))
        .min(1)
        .optional(),
      /** Only requests from these addresses; `self` is the caller's own. */
      clientIp: z.array(r.text()).min(1).optional(),
    }),
    result: z.object({ tailId: z.string() }),
    errors: ['script-invalid', ...RUNTIME_ERRORS],
    repeatable: false,
    effect: 'read',
  })),
  'dashboard.stopTail': method(() => ({
    summary: 'Ends a tail.',
    params: z.strictObject({ tailId: z.string().min(1) }),
    result: success(),
    errors: ['not-found'],
    repeatable: true,
    effect: 'read',
  })),

  'r2.listObjects': method(() => ({
    summary: 'One page of the objects of a bucket, in key order.',
    params: z.strictObject({
      bucket: r.r2BucketName(),
      prefix: r.text().optional(),
      delimiter: r.text().min(1).optional(),
      ...page(),
    }),
    result: z.object({
      items: z.array(r.r2Object()),
      /** Common prefixes up to the delimiter. */
      prefixes: z.array(z.string()).optional(),
      cursor: z.string().optional(),
    }),
    errors: RUNTIME_ERRORS,
    repeatable: true,
    effect: 'read',
  })),
  'r2.getObject': method(() => ({
    summary: 'Reads an object, inline or into the file `path`.',
    params: z.strictObject({
      bucket: r.r2BucketName(),
      key: r.r2StoredKey(),
      path: r.path().optional(),
    }),
    result: r.r2Object().extend({
      body: z.string().optional(),
      bodyEncoding: r.bodyEncoding().optional(),
      path: z.string().optional(),
    }),
    errors: RUNTIME_ERRORS,
    repeatable: true,
    effect: 'read',
    timeoutMs: TRANSFER_TIMEOUT_MS,
  })),
  'r2.putObject': method(() => ({
    summary: 'Writes an object from `body` or from the file `path`.',
    params: z
      .strictObject({
        bucket: r.r2BucketName(),
        key: r.r2ObjectKey(),
        body: r.text().optional(),
        bodyEncoding: r.bodyEncoding().default('utf8'),
        path: r.path().optional(),
        httpMetadata: r.r2HttpMetadataParams().optional(),
        customMetadata: r.r2CustomMetadata().optional(),
        storageClass: r.r2StorageClass().optional(),
      })
      .refine(
        (params) => (params.body === undefined) !== (params.path === undefined),
        'give either body or path',
      ),
    result: success().extend({ object: r.r2Object() }),
    errors: RUNTIME_ERRORS,
    repeatable: true,
    effect: 'write',
    timeoutMs: TRANSFER_TIMEOUT_MS,
  })),
  'r2.deleteObject': method(() => ({
    summary: 'Deletes an object; deleting one that is not there succeeds, as in R2.',
    params: z.strictObject({ bucket: r.r2BucketName(), key: r.r2StoredKey() }),
    result: success(),
    errors: RUNTIME_ERRORS,
    repeatable: true,
    effect: 'write',
  })),

  'kv.listKeys': method(() => ({
    summary: 'One page of the keys of a namespace, in key order.',
    params: z.strictObject({
      namespaceId: r.kvNamespaceId(),
      prefix: r.text().optional(),
      cursor: r.text().optional(),
      /** As Cloudflare limits it. */
      limit: z.number().int().min(10).max(1000).optional(),
    }),
    result: z.object({ items: z.array(r.kvKeyEntry()), cursor: z.string().optional() }),
    errors: RUNTIME_ERRORS,
    repeatable: true,
    effect: 'read',
  })),
  'kv.get': method(() => ({
    summary: 'Reads a value, inline or into the file `path`.',
    params: z.strictObject({
      namespaceId: r.kvNamespaceId(),
      key: r.kvKey(),
      path: r.path().optional(),
    }),
    result: z.object({
      key: z.string(),
      /** Text, or base64 when it is not UTF-8. */
      value: z.string().optional(),
      valueEncoding: r.bodyEncoding().optional(),
      path: z.string().optional(),
      metadata: z.unknown().optional(),
      /** There is metadata that no message has room for: it nests too deep. */
      metadataOmitted: z.literal(true).optional(),
      expiration: z.number().optional(),
    }),
    errors: RUNTIME_ERRORS,
    repeatable: true,
    effect: 'read',
    timeoutMs: TRANSFER_TIMEOUT_MS,
  })),
  'kv.put': method(() => ({
    summary: 'Writes a value from `value` or from the file `path`.',
    params: z
      .strictObject({
        namespaceId: r.kvNamespaceId(),
        key: r.kvKey(),
        value: r.text().optional(),
        valueEncoding: r.bodyEncoding().default('utf8'),
        path: r.path().optional(),
        /** Seconds from now until the key expires, at least 60. */
        expirationTtl: z.number().int().min(60).optional(),
        /** Seconds since 1970 when the key expires, at least 60 from now. */
        expiration: z.number().int().positive().optional(),
        /** JSON of at most 1,024 bytes and 252 levels. */
        metadata: r.kvMetadata().optional(),
      })
      .refine(
        (params) => (params.value === undefined) !== (params.path === undefined),
        'give either value or path',
      ),
    result: success(),
    errors: RUNTIME_ERRORS,
    repeatable: true,
    effect: 'write',
    timeoutMs: TRANSFER_TIMEOUT_MS,
  })),
  'kv.delete': method(() => ({
    summary: 'Deletes a key; deleting one that is not there succeeds, as in KV.',
    params: z.strictObject({ namespaceId: r.kvNamespaceId(), key: r.kvKey() }),
    result: success(),
    errors: RUNTIME_ERRORS,
    repeatable: true,
    effect: 'write',
  })),

  'project.create': method(() => ({
    summary: 'Creates a project folder `path`/`name`, with `$/progress` on the way.',
    params: z.strictObject({
      name: z
        .string()
        .regex(
          /^[a-z0-9][a-z0-9-]{0,62}$/,
          'a project name has lower case letters, digits and hyphens, at most 63',
        ),
      /** The folder the project's folder is made in. */
      path: r.path(),
      /** `worker` is short for `worker-typescript`. */
      framework: z.enum(['worker-typescript', 'worker']).default('worker-typescript'),
      packageManager: z.enum(['npm', 'pnpm', 'yarn', 'bun']).default('npm'),
      /** Installs the dependencies. */
      install: z.boolean().default(false),
      /** Makes a git repository with a first commit. */
      git: z.boolean().default(false),
    }),
    result: success().extend({ projectPath: z.string(), files: z.array(z.string()) }),
    errors: ['already-exists', 'file-error', 'command-failed'],
    repeatable: false,
    effect: 'write',
    timeoutMs: TRANSFER_TIMEOUT_MS,
  })),
} as const satisfies Record<string, MethodDefinition>;

export type Methods = typeof methods;
/** Every method of the contract. */
export type MethodName = keyof Methods;
/** The methods a user calls; `initialize` belongs to the connection. */
export type CallableMethod = Exclude<MethodName, 'initialize'>;
/** A method's params as a caller writes them: fields with a default are optional. */
export type Params<M extends MethodName> = z.input<Methods[M]['params']>;
/** A method's params as its handler gets them: defaults filled in. */
export type ParsedParams<M extends MethodName> = z.output<Methods[M]['params']>;
/** A method's result. */
export type Result<M extends MethodName> = z.output<Methods[M]['result']>;

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(methods, name);
}

/** The methods a user calls, by name. */
export const callableMethodNames = Object.keys(methods).filter(
  (name): name is CallableMethod => name !== 'initialize',
);
