const RECORD_BYTES = 63;

/**
 * A structured payload whose JSON text is exactly `bytes` long: records as a listing has them, of about 64 bytes.
 * ASCII, as resource names are.
 */
export function structuredPayload(bytes: number): unknown {
  const records = Math.max(1, Math.floor(bytes / (RECORD_BYTES + 1)));
  const list = Array.from({ length: records }, (_, index) => record(index));
  const payload = bytes < 2 * RECORD_BYTES ? record(0) : { items: list, pad: '' };
  while (list.length > 1 && JSON.stringify(payload).length > bytes) list.pop();
  const missing = bytes - JSON.stringify(payload).length;
  if (missing < 0) throw new Error(`A payload of ${bytes} bytes is too small to be structured.`);
  if ('pad' in payload) payload.pad = 'x'.repeat(missing);
  else payload.name += 'x'.repeat(missing);
  return payload;
}

function record(index: number) {
  return {
    id: 1000 + index,
    name: `worker-${index % 10}`,
    on: index % 2 === 0,
    tags: ['kv', 'r2'],
  };
}

/** `123456` as `120.6 KiB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 102.4) / 10} KiB`;
  return `${Math.round(bytes / 1024 / 102.4) / 10} MiB`;
}

const texts = new Map<number, string>();

/** JSON text of `bytes`, as a Worker's answer would hold: quotes and all, to be escaped on the way. */
export function largeText(bytes: number): string {
  const text = texts.get(bytes) ?? JSON.stringify(structuredPayload(bytes));
  texts.set(bytes, text);
  return text;
}
