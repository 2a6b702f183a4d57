import type { IncomingMessage } from 'node:http';
import { SidecarError } from '../../../protocol/index.js';
import type { R2ObjectInfo } from '../runtime.js';

/** The wire format between an R2 binding and its bucket, as far as it is used here. */
export interface RawR2Object {
  name: string;
  version: string;
  size: number;
  etag: string;
  uploaded: number;
  httpFields?: Record<string, string | number>;
  customFields?: { k: string; v: string }[];
  range?: { offset: number; length: number };
  storageClass?: string;
}

export interface RawR2List {
  objects: RawR2Object[];
  truncated: boolean;
  cursor?: string;
  delimitedPrefixes: string[];
}

export const REQUEST_HEADER = 'cf-r2-request';
export const METADATA_SIZE_HEADER = 'cf-r2-metadata-size';
const ERROR_HEADER = 'cf-r2-error';

/** Codes of R2: https://developers.cloudflare.com/r2/api/error-codes/ */
const NO_SUCH_OBJECT = 10007;
const LIMIT_CODES = new Set([100100, 10012]);
const PARAMETER_CODES = new Set([10020, 10022, 10029, 10039, 10062]);
const NOT_EMPTY = 10008;

/** What an answer leaves out. */
const STORAGE_CLASS = 'Standard';

export function toObjectInfo(raw: RawR2Object): R2ObjectInfo {
  const httpMetadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw.httpFields ?? {})) {
    httpMetadata[name] = name === 'cacheExpiry' ? new Date(Number(value)).toISOString() : String(value);
  }
  return {
    key: raw.name,
    version: raw.version,
    size: raw.size,
    etag: raw.etag,
    uploaded: raw.uploaded,
    httpMetadata,
    customMetadata: Object.fromEntries((raw.customFields ?? []).map(({ k, v }) => [k, v])),
    storageClass: raw.storageClass ?? STORAGE_CLASS,
  };
}

/** The fields of a put for the metadata of {@link R2ObjectInfo}; `cacheExpiry` is a date that `Date` can read. */
export function toRawMetadata(options: {
  httpMetadata?: Record<string, string> | undefined;
  customMetadata?: Record<string, string> | undefined;
}): Pick<RawR2Object, 'httpFields' | 'customFields'> {
  const { cacheExpiry, ...fields } = options.httpMetadata ?? {};
  return {
    httpFields: { ...fields, ...(cacheExpiry !== undefined && { cacheExpiry: expiryTime(cacheExpiry) }) },
    customFields: Object.entries(options.customMetadata ?? {}).map(([k, v]) => ({ k, v })),
  };
}

function expiryTime(cacheExpiry: string): number {
  const time = Date.parse(cacheExpiry);
  if (!Number.isNaN(time)) return time;
  throw new SidecarError(
    'invalid-params',
    `The R2 metadata cacheExpiry must be a date, and ${JSON.stringify(cacheExpiry)} is none.`,
  );
}

/**
 * Waits for nothing: tells from the head of an answer whether it failed.
 * @returns false when there is no such object
 * @throws SidecarError for any other refusal
 */
export function isFound(response: IncomingMessage, what: string): boolean {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return true;
  response.resume();
  const error = parseError(response.headers[ERROR_HEADER]);
  if (error?.v4code === NO_SUCH_OBJECT) return false;
  const message = `${what} failed: ${error?.message ?? `the local R2 storage answered ${status}`}`;
  const code = error?.v4code ?? 0;
  if (LIMIT_CODES.has(code)) throw new SidecarError('limit-exceeded', message, { data: { status } });
  if (code === NOT_EMPTY) throw new SidecarError('not-empty', message, { data: { status } });
  if (PARAMETER_CODES.has(code)) throw new SidecarError('invalid-params', message, { data: { status } });
  throw new SidecarError('workerd-failed', message, { data: { status, stderr: [] } });
}

function parseError(header: string | string[] | undefined): { message: string; v4code: number } | undefined {
  return typeof header === 'string' ? (JSON.parse(header) as { message: string; v4code: number }) : undefined;
}

/** Reads the metadata that an answer begins with; what follows it stays in `response`. */
export async function readMetadata<T>(response: IncomingMessage): Promise<{ metadata: T; rest: Buffer }> {
  const size = Number(response.headers[METADATA_SIZE_HEADER]);
  let read: Buffer = Buffer.alloc(0);
  // Read by hand: leaving a `for await` loop early would destroy the stream.
  while (read.byteLength < size) {
    const chunk = response.read() as Buffer | null;
    if (chunk !== null) read = read.byteLength === 0 ? chunk : Buffer.concat([read, chunk]);
    else await readable(response);
  }
  return { metadata: JSON.parse(read.subarray(0, size).toString('utf8')) as T, rest: read.subarray(size) };
}

function readable(response: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      response.off('readable', settle).off('error', settle).off('end', ended).off('close', ended);
      if (error instanceof Error) reject(error);
      else resolve();
    };
    const ended = () =>
      settle(
        new SidecarError('workerd-failed', 'The local R2 storage broke off its answer.', {
          data: { stderr: [] },
        }),
      );
    response.once('readable', settle).once('error', settle).once('end', ended).once('close', ended);
  });
}
