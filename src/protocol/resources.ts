import * as z from 'zod';
import { isDeeperThan, MAX_METADATA_DEPTH } from './depth.js';
import { lazy } from './lazy.js';
import {
  headerValueFault,
  kvKeyFault,
  moduleNameFault,
  pathFault,
  type Rule,
  r2KeyFault,
  textFault,
} from './names.js';

type Shape<S extends () => z.ZodType> = z.infer<ReturnType<S>>;

/** A Worker's name: lower case letters, digits, `-` and `_`, at most 255, as Cloudflare takes them. */
export const workerName = lazy(() =>
  z
    .string()
    .regex(
      /^[a-z0-9_][a-z0-9_-]{0,254}$/,
      'a Worker name has lower case letters, digits, - and _ only, and at most 255',
    ),
);

/** An R2 bucket's name: 3 to 63 lower case letters, digits and hyphens, as R2 takes them. */
export const r2BucketName = lazy(() =>
  z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
      'a bucket name has 3 to 63 lower case letters, digits and hyphens, and starts and ends with a letter or digit',
    ),
);

/** An R2 object key: 1 to 1,024 bytes of UTF-8. */
export const r2ObjectKey = lazy(() => ruled(z.string().min(1), r2KeyFault));

/** The key of an object that a Worker may have stored: R2 takes the empty one from Workers. */
export const r2StoredKey = lazy(() => ruled(z.string(), r2KeyFault));

/** What is kept with an object beside its HTTP metadata. A JavaScript object cannot safely have the name `__proto__`. */
export const r2CustomMetadata = lazy(() =>
  z.preprocess(
    (value, context) => {
      if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')) {
        context.addIssue({ code: 'custom', message: '`__proto__` cannot be a name of metadata here' });
      }
      return value;
    },
    z.record(text(), text()),
  ),
);

/** A KV key: 1 to 512 bytes of UTF-8, not `.` or `..`. */
export const kvKey = lazy(() => ruled(z.string().min(1), kvKeyFault));

/** Text that is sent as UTF-8. */
export const text = lazy(() => ruled(z.string(), textFault));

/** The path of a file or folder. */
export const path = lazy(() => ruled(z.string().min(1), pathFault));

/** What is sent in a header. */
export const headerValue = lazy(() => ruled(z.string(), headerValueFault));

/** A KV namespace's id: 32 hexadecimal digits. */
export const kvNamespaceId = lazy(() =>
  z.string().regex(/^[0-9a-f]{32}$/, 'a namespace id has 32 hexadecimal digits'),
);

/** What is kept with a KV key. It nests no deeper than a listing of keys has room for. */
export const kvMetadata = lazy(() =>
  z
    .unknown()
    .refine(
      (metadata) => !isDeeperThan(metadata, MAX_METADATA_DEPTH),
      `metadata nests at most ${MAX_METADATA_DEPTH} levels deep`,
    ),
);

/** How a `body` or `value` string is to be read: as text, or as base64 of bytes. */
export const bodyEncoding = lazy(() => z.enum(['utf8', 'base64']));

/** ISO 8601 time. */
export const timestamp = lazy(() => z.string());

/** `type`, and nothing that `rule` finds a fault in. */
function ruled(type: z.ZodString, rule: Rule): z.ZodString {
  return type.superRefine((value, context) => {
    const message = rule(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
}

/** Which account answers: the embedded local one, or Cloudflare's. */
export const accountInfo = lazy(() =>
  z.object({
    kind: z.enum(['local', 'cloud']),
    /** cloud: empty until the first call where wrangler has to be asked for the login, and nothing says whose it is. */
    id: z.string(),
    name: z.string(),
    /** local: the folder that holds the account's state. */
    stateDir: z.string().optional(),
    /** cloud: where the credentials came from, never the credentials. */
    credentials: z.string().optional(),
    /** What was found when the account was chosen and is not used, and what to do. */
    warnings: z.array(z.string()).optional(),
  }),
);
export type AccountInfo = Shape<typeof accountInfo>;

export const worker = lazy(() =>
  z.object({
    name: z.string(),
    etag: z.string().optional(),
    createdOn: timestamp().optional(),
    modifiedOn: timestamp().optional(),
    compatibilityDate: z.string().optional(),
    compatibilityFlags: z.array(z.string()).optional(),
    handlers: z.array(z.string()).optional(),
    usageModel: z.string().optional(),
  }),
);
export type Worker = Shape<typeof worker>;

export const r2Bucket = lazy(() =>
  z.object({
    name: z.string(),
    creationDate: timestamp().optional(),
    location: z.string().optional(),
    storageClass: z.string().optional(),
  }),
);
export type R2Bucket = Shape<typeof r2Bucket>;

export const r2LocationHint = lazy(() => z.enum(['apac', 'eeur', 'enam', 'weur', 'wnam', 'oc']));
export const r2StorageClass = lazy(() => z.enum(['Standard', 'InfrequentAccess']));

/** R2's HTTP metadata, sent back as headers when the object is read. */
export const r2HttpMetadata = lazy(() =>
  z.object({
    contentType: z.string().optional(),
    contentLanguage: z.string().optional(),
    contentDisposition: z.string().optional(),
    contentEncoding: z.string().optional(),
    cacheControl: z.string().optional(),
    cacheExpiry: z.string().optional(),
  }),
);
export type R2HttpMetadata = Shape<typeof r2HttpMetadata>;

/** The same as a caller gives it: what no header can hold is refused. */
export const r2HttpMetadataParams = lazy(() =>
  z.strictObject({
    contentType: headerValue().optional(),
    contentLanguage: headerValue().optional(),
    contentDisposition: headerValue().optional(),
    contentEncoding: headerValue().optional(),
    cacheControl: headerValue().optional(),
    cacheExpiry: headerValue().optional(),
  }),
);

export const r2Object = lazy(() =>
  z.object({
    key: z.string(),
    /** Bytes. */
    size: z.number(),
    etag: z.string(),
    lastModified: timestamp().optional(),
    storageClass: z.string().optional(),
    httpMetadata: r2HttpMetadata().optional(),
    customMetadata: z.record(z.string(), z.string()).optional(),
  }),
);
export type R2Object = Shape<typeof r2Object>;

export const kvNamespace = lazy(() =>
  z.object({
    id: z.string(),
    title: z.string(),
    supportsUrlEncoding: z.boolean().optional(),
  }),
);
export type KvNamespace = Shape<typeof kvNamespace>;

export const kvKeyEntry = lazy(() =>
  z.object({
    name: z.string(),
    /** Seconds since 1970, when the key expires. */
    expiration: z.number().optional(),
    metadata: z.unknown().optional(),
    /** The key has metadata that no message has room for: it nests too deep. The key can be read and deleted. */
    metadataOmitted: z.literal(true).optional(),
  }),
);
export type KvKeyEntry = Shape<typeof kvKeyEntry>;

export const durableObjectNamespace = lazy(() =>
  z.object({
    id: z.string(),
    name: z.string().optional(),
    className: z.string().optional(),
    scriptName: z.string().optional(),
  }),
);
export type DurableObjectNamespace = Shape<typeof durableObjectNamespace>;

export const deployment = lazy(() =>
  z.object({
    id: z.string(),
    workerName: z.string(),
    createdOn: timestamp().optional(),
    author: z.string().optional(),
    source: z.string().optional(),
    message: z.string().optional(),
    versions: z.array(z.object({ versionId: z.string(), percentage: z.number() })),
  }),
);
export type Deployment = Shape<typeof deployment>;

/** Requests of the last 24 hours a Worker; only the cloud account measures them. */
export const analytics = lazy(() =>
  z.object({
    since: timestamp(),
    until: timestamp(),
    workers: z.array(
      z.object({ name: z.string(), requests: z.number(), errors: z.number(), subrequests: z.number() }),
    ),
  }),
);
export type Analytics = Shape<typeof analytics>;

/** One product of a dashboard that could not be asked. */
export const dashboardError = lazy(() =>
  z.object({
    product: z.enum(['workers', 'r2', 'kv', 'durableObjects', 'deployments', 'analytics']),
    code: z.string(),
    message: z.string(),
  }),
);
export type DashboardError = Shape<typeof dashboardError>;

/**
 * A binding, in the shape of Cloudflare's own upload metadata
 * (https://developers.cloudflare.com/workers/configuration/multipart-upload-metadata/), which it passes into unchanged.
 * A KV namespace or R2 bucket left without an id or name is created on deploy, as wrangler does it.
 */
export const workerBinding = lazy(() =>
  z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('kv_namespace'),
      name: text(),
      namespace_id: kvNamespaceId().optional(),
    }),
    z.strictObject({
      type: z.literal('r2_bucket'),
      name: text(),
      bucket_name: r2BucketName().optional(),
      jurisdiction: text().optional(),
    }),
    z.strictObject({ type: z.literal('plain_text'), name: text(), text: text() }),
    z.strictObject({ type: z.literal('secret_text'), name: text(), text: text() }),
    z.strictObject({ type: z.literal('json'), name: text(), json: z.unknown() }),
    z.strictObject({
      type: z.literal('service'),
      name: text(),
      service: workerName(),
      environment: text().optional(),
      entrypoint: text().optional(),
    }),
  ]),
);
export type WorkerBinding = Shape<typeof workerBinding>;

/** A module of a Worker. `content` is text, or base64 where `encoding` says so. */
export const workerModule = lazy(() =>
  z.strictObject({
    name: ruled(z.string().min(1), moduleNameFault),
    type: z.enum(['esm', 'commonjs', 'text', 'json', 'data', 'wasm']).default('esm'),
    content: text(),
    encoding: bodyEncoding().default('utf8'),
  }),
);
export type WorkerModule = Shape<typeof workerModule>;

/** One line a Worker logged. */
export const traceLog = lazy(() =>
  z.looseObject({
    level: z.string(),
    message: z.unknown(),
    /** Milliseconds since 1970. */
    timestamp: z.number(),
  }),
);

/**
 * One trace event, in the shape Cloudflare's own tail sends
 * (https://developers.cloudflare.com/workers/runtime-apis/handlers/tail/#tailitems). Unknown fields pass through.
 */
export const traceEvent = lazy(() =>
  z.looseObject({
    scriptName: z.string().nullable(),
    outcome: z.string(),
    /** Milliseconds since 1970. */
    eventTimestamp: z.number().nullable(),
    logs: z.array(traceLog()),
    exceptions: z.array(z.looseObject({ name: z.string(), message: z.string(), timestamp: z.number() })),
    event: z.unknown(),
  }),
);
export type TraceEvent = Shape<typeof traceEvent>;
