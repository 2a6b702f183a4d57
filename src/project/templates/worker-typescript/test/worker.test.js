// Deploys the Worker to a temporary local account and talks to it there: real workerd, real KV and R2,
// no Cloudflare account and no network.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TauriSidecar } from 'fluorite-flake/tauri';

const project = fileURLToPath(new URL('..', import.meta.url));
let stateDir;
let sidecar;

before(async () => {
  stateDir = await mkdtemp(join(tmpdir(), '{{name}}-test-'));
  sidecar = new TauriSidecar({ account: 'local', stateDir, cwd: project });
  await sidecar.start();
  await sidecar.call('dashboard.deployWorker', { name: '{{name}}', cwd: project });
});

after(async () => {
  await sidecar?.stop();
  await rm(stateDir, { recursive: true, force: true });
});

const send = (method, url, body) =>
  sidecar.call('dashboard.invokeWorker', { name: '{{name}}', method, url, body });

for (const kind of ['notes', 'files']) {
  test(`${kind} are kept, listed and deleted`, async () => {
    assert.equal((await send('GET', `/${kind}/first`)).status, 404);
    assert.equal((await send('PUT', `/${kind}/first`, 'remember me')).status, 204);
    assert.equal((await send('GET', `/${kind}/first`)).body, 'remember me');
    assert.deepEqual(JSON.parse((await send('GET', `/${kind}`)).body), ['first']);
    assert.equal((await send('DELETE', `/${kind}/first`)).status, 204);
    assert.equal((await send('GET', `/${kind}/first`)).status, 404);
  });
}

test('an unknown path is answered with 404 and an unknown method with 405', async () => {
  assert.equal((await send('GET', '/elsewhere')).status, 404);
  assert.equal((await send('PATCH', '/notes/first', 'x')).status, 405);
});

test('what the Worker logs can be read from its tail', async () => {
  const end = new AbortController();
  const events = sidecar.tailLogs({ workerName: '{{name}}' }, { signal: end.signal });
  const logged = firstLog(events);
  let seen;
  logged.then((line) => {
    seen = line;
  });
  // A tail sends nothing before it is open: ask until the first event is there.
  while (seen === undefined) await send('GET', '/notes');
  end.abort();
  assert.deepEqual(seen, ['GET', '/notes', 200]);
});

async function firstLog(events) {
  for await (const event of events) {
    if (event.logs?.length > 0) return event.logs[0].message;
  }
  throw new Error('The tail ended without an event.');
}
