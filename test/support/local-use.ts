import assert from 'node:assert/strict';
import { openLocalAccount } from '../../src/accounts/local/account.js';
import { createKvNamespace, listKvNamespaces, putValue } from '../../src/cloudflare/kv.js';
import { uploadWorker } from '../../src/cloudflare/workers.js';

const signal = AbortSignal.timeout(600_000);
const script = 'export default { fetch: async (_, env) => new Response(await env.KV.get("key")) };';
const modules = [{ name: 'index.js', type: 'esm' as const, content: new TextEncoder().encode(script) }];
const WORKER = {
  name: 'w',
  mainModule: 'index.js',
  modules,
  compatibilityDate: '2026-01-01',
  compatibilityFlags: [],
};

/** A local account over `stateDir`, and what uses all of it. */
export async function openAccount(stateDir: string, log: (line: string) => void = () => {}) {
  const account = openLocalAccount({ stateDir, log });
  const api = { client: await account.client(), accountId: account.info.id };
  const close = () => account.close();
  /** A value, a Worker that reads it, and its answer: all that starts processes. */
  const use = async (value: string): Promise<void> => {
    const [namespace] = await listKvNamespaces(api, signal);
    const { id } = namespace ?? (await createKvNamespace(api, 'kv', signal));
    await putValue(api, id, 'key', new Blob([value]), {}, signal);
    const bindings = [{ type: 'kv_namespace' as const, name: 'KV', namespace_id: id }];
    await uploadWorker(api, { ...WORKER, bindings }, {}, signal);
    assert.equal(await read(), value);
  };
  const read = async () => (await account.invoke('w', new Request('http://w/'))).text();
  return { use, read, close };
}

/** What it rejected with, if it did. */
export const outcomeOf = (work: Promise<void>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );
