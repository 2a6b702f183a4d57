import type { Api } from '../../cloudflare/client.js';
import { call } from '../../cloudflare/errors.js';

/** Creates a KV namespace with an id that is given, which only the local account can do. Its title is the id. */
export async function createLocalKvNamespace(
  { client }: Api,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  await call(`create the KV namespace ${id}`, signal, (signal) =>
    client.post('/local/kv-namespaces', { body: { id, title: id }, signal }),
  );
}
