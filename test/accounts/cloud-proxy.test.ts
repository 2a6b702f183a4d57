import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { putValue } from '../../src/cloudflare/kv.js';
import { listWorkers } from '../../src/cloudflare/workers.js';
import { cloudAccount, cloudServer, ok, tailAnswers } from './cloud-server.js';
import { collect, never, until } from './local/fixture.js';

const VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

/** A proxy on loopback that makes tunnels, and the proxy variables of this process. */
async function proxied(t: TestContext, variables: (proxy: string) => Record<string, string>) {
  const tunnels: string[] = [];
  const server: Server = createServer((_, response) => void response.writeHead(405).end());
  server.on('connect', (request, socket, head) => {
    tunnels.push(request.url ?? '');
    const [host, port] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) end.on('error', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
  for (const name of VARIABLES) delete process.env[name];
  Object.assign(process.env, variables(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  t.after(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    server.closeAllConnections();
    server.close();
  });
  return tunnels;
}

test('requests and tails go through the proxy that the environment names', async (t) => {
  const tunnels = await proxied(t, (proxy) => ({ HTTP_PROXY: proxy }));
  const fake = await cloudServer(t, (call) => (call.url.includes('/tails') ? answers(call) : ok([])));
  const answers = tailAnswers(() => fake);
  const { account } = await cloudAccount(t, fake);
  const api = { client: await account.client(), accountId: account.info.id };
  assert.deepEqual(await listWorkers(api, never()), []);
  await putValue(api, 'f'.repeat(32), 'k', new Blob(['v']), { metadata: { a: 1 } }, never());
  assert.match(fake.calls.at(-1)?.body ?? '', /name="value"/);
  assert.ok(tunnels.length > 0);
  const before = tunnels.length;
  const tail = await account.openTail({ workerName: 'w' }, collect(), never());
  await until(() => fake.sockets.length === 1, 'the socket');
  assert.ok(tunnels.length > before);
  await tail.close();
  await account.close();
});

test('NO_PROXY is respected', async (t) => {
  const tunnels = await proxied(t, (proxy) => ({ HTTP_PROXY: proxy, NO_PROXY: '127.0.0.1' }));
  const fake = await cloudServer(t, () => ok([]));
  const { account } = await cloudAccount(t, fake);
  assert.deepEqual(await listWorkers({ client: await account.client(), accountId: 'a' }, never()), []);
  assert.deepEqual(tunnels, []);
});

test('a proxy that is not there is a network error, one of an unknown kind is told', async (t) => {
  await proxied(t, () => ({ HTTP_PROXY: 'http://127.0.0.1:9' }));
  const fake = await cloudServer(t, () => ok([]));
  const { account } = await cloudAccount(t, fake, { limits: { backoffMs: 1 } });
  const list = async () => listWorkers({ client: await account.client(), accountId: 'a' }, never());
  await assert.rejects(list, { code: 'network-error' });
  process.env.HTTP_PROXY = 'socks5://user:pass@127.0.0.1:9';
  await assert.rejects(list, { code: 'invalid-option', message: /^(?!.*pass)/ });
});
