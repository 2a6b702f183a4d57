/** The header in which each field of an object's HTTP metadata travels. `cacheExpiry` is a HTTP date there. */
export const HEADER_OF_METADATA = {
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

/** JSON in ASCII alone: a header takes nothing else. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
