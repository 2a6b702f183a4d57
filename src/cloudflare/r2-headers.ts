import { type R2HttpMetadata, SidecarError } from '../protocol/index.js';
import { fitsHeader, fromHeaderText, toHeaderText } from './header-text.js';

type Fields = Record<string, string>;

/** The header in which each field of an object's HTTP metadata travels. `cacheExpiry` is a HTTP date there. */
const HEADER_OF_METADATA = {
  contentType: 'content-type',
  contentLanguage: 'content-language',
  contentDisposition: 'content-disposition',
  contentEncoding: 'content-encoding',
  cacheControl: 'cache-control',
  cacheExpiry: 'expires',
} as const;

export const STORAGE_CLASS_HEADER = 'cf-r2-storage-class';

/** Custom metadata as JSON. Only the local account has it: Cloudflare's REST API has no place for it. */
export const CUSTOM_METADATA_HEADER = 'cf-r2-custom-metadata';

/** HTTP metadata as JSON, where its own headers cannot hold it: a Worker stores any text. The local account alone sends it. */
const HTTP_METADATA_HEADER = 'cf-r2-http-metadata';

/**
 * HTTP metadata as headers.
 * @throws SidecarError `invalid-params` for a `cacheExpiry` that is no time.
 */
export function httpMetadataHeaders(metadata: R2HttpMetadata): Fields {
  const headers: Fields = {};
  let isWhole = true;
  for (const [field, header] of Object.entries(HEADER_OF_METADATA)) {
    const value = metadata[field as keyof R2HttpMetadata];
    if (value === undefined) continue;
    headers[header] = field === 'cacheExpiry' ? httpDate(value) : toHeaderText(value);
    isWhole &&= fitsHeader(value);
  }
  return isWhole ? headers : { ...headers, [HTTP_METADATA_HEADER]: asciiJson(metadata) };
}

/** The HTTP metadata that headers hold. An `expires` that is no date, such as `0`, is kept as it is. */
export function httpMetadataOf(headers: Headers): R2HttpMetadata {
  const whole = headers.get(HTTP_METADATA_HEADER);
  if (whole !== null) return JSON.parse(whole) as R2HttpMetadata;
  const metadata: R2HttpMetadata = {};
  for (const [field, header] of Object.entries(HEADER_OF_METADATA)) {
    const value = headers.get(header);
    if (value === null) continue;
    metadata[field as keyof R2HttpMetadata] =
      field === 'cacheExpiry' ? isoTime(value) : fromHeaderText(value);
  }
  return metadata;
}

function httpDate(time: string): string {
  const ms = Date.parse(time);
  if (!Number.isNaN(ms)) return new Date(ms).toUTCString();
  throw new SidecarError(
    'invalid-params',
    `httpMetadata.cacheExpiry is a time such as 2030-01-01T00:00:00Z, not ${time}.`,
  );
}

function isoTime(date: string): string {
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? date : new Date(ms).toISOString();
}

/** JSON in ASCII alone: a header takes nothing else. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
