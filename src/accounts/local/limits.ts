import { ApiError } from './envelope.js';

/** Cloudflare's published limits, in bytes unless named otherwise. */
export const LIMITS = {
  /** https://developers.cloudflare.com/workers/platform/limits/#worker-size, of a paid plan, gzipped. */
  workerGzipBytes: 10 * 1024 * 1024,
  /** The same page: before compression. */
  workerBytes: 64 * 1024 * 1024,
  /** The same page: variables of one Worker, and one variable. */
  bindings: 128,
  variableBytes: 5 * 1024,
  /** https://developers.cloudflare.com/kv/platform/limits/ */
  kvKeyBytes: 512,
  kvValueBytes: 25 * 1024 * 1024,
  kvMetadataBytes: 1024,
  kvMinTtlSeconds: 60,
  kvBulkPairs: 10_000,
  kvBulkGetKeys: 100,
  /** https://developers.cloudflare.com/r2/platform/limits/ */
  r2KeyBytes: 1024,
  r2MetadataBytes: 8192,
  /** https://developers.cloudflare.com/r2/api/workers/workers-api-reference/ */
  r2DeleteKeys: 1000,
  /** What one upload through the REST API takes. */
  r2UploadBytes: 300 * 1024 * 1024,
} as const;

/** @throws ApiError when `text` has more bytes of UTF-8 than allowed. */
export function checkBytes(text: string, limit: number, what: string, code: number, status = 400): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > limit) throw new ApiError(status, code, `${what} has ${bytes} bytes; the limit is ${limit}`);
}
