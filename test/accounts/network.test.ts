import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openAccount } from '../../src/accounts/index.js';
import { uploadWorker } from '../../src/cloudflare/workers.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const SCRIPT = `export default { async fetch() {
  // Not public: workerd refuses it at once where there is a network, and no test depends on one.
  return new Response(await fetch('http://127.0.0.1:1/').then(() => 'reached', (error) => error.message));
} };`;

async function errorOfFetch(options: { allowNetwork?: boolean; env?: NodeJS.ProcessEnv }): Promise<string> {
  const account = await openAccount({
    account: 'local',
    stateDir: join(temporaryFolder(), 's'),
    cwd: '/',
    env: {},
    log: () => {},
    ...options,
  });
  try {
    const api = { client: await account.client(), accountId: account.info.id };
    await uploadWorker(
      api,
      {
        name: 'w',
        mainModule: 'index.js',
        modules: [{ name: 'index.js', type: 'esm', content: Buffer.from(SCRIPT) }],
        bindings: [],
        compatibilityDate: '2026-01-01',
        compatibilityFlags: [],
      },
      {},
      new AbortController().signal,
    );
    return await (await account.invoke('w', new Request('http://w/'))).text();
  } finally {
    await account.close();
  }
}

test('local Workers have no network, and the error says how to give it to them', async () => {
  assert.match(await errorOfFetch({}), /network, which is off.*--allow-network.*allowNetwork/);
});

test('the option and the environment switch the network on, for public addresses alone', async () => {
  for (const options of [{ allowNetwork: true }, { env: { FLUORITE_FLAKE_ALLOW_NETWORK: '1' } }]) {
    const message = await errorOfFetch(options);
    assert.doesNotMatch(message, /which is off|reached/);
  }
});
