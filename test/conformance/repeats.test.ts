// What wrangler does with a failure of the local account: nothing is sent again.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { serveLocalApi } from '../../src/accounts/local/api-server.js';
import type { LocalRuntime } from '../../src/accounts/local/runtime.js';
import { SidecarError } from '../../src/protocol/index.js';
import { temporaryFolder } from '../accounts/local/fixture.js';
import { createWrangler } from './wrangler.js';

const folder = await temporaryFolder({ after });
const socketPath = join(folder, 'api.sock');
let deploys = 0;
/** A runtime that takes no Worker. */
const runtime = {
  deploy: async () => {
    deploys++;
    throw new SidecarError('timeout', 'it took too long');
  },
  close: async () => {},
} as unknown as LocalRuntime;
const server = await serveLocalApi({
  stateDir: join(folder, 'state'),
  listen: { socketPath },
  createRuntime: async () => runtime,
  log: () => {},
});
after(() => server.close());
const wrangler = await createWrangler({ after }, socketPath);

test('wrangler deploys once where the account answers that it took too long', async () => {
  await wrangler.write({
    'wrangler.json': JSON.stringify({ name: 'w', main: 'index.js', compatibility_date: '2026-01-01' }),
    'index.js': 'export default {}',
  });
  const { code, stderr } = await wrangler.attempt(['deploy']);
  assert.equal(code, 1);
  assert.match(stderr, /it took too long/);
  assert.equal(deploys, 1);
});
