import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Api, createCloudflareClient } from '../../src/cloudflare/client.js';
import { listKvNamespaces } from '../../src/cloudflare/kv.js';
import { listWorkers } from '../../src/cloudflare/workers.js';
import { SidecarError } from '../../src/protocol/index.js';

const TOKEN = 'canary-token-1234567890';
const never = () => new AbortController().signal;

function apiOn(answer: typeof fetch): Api {
  const client = createCloudflareClient({ apiToken: TOKEN, fetch: answer, maxRetries: 0, timeoutMs: 200 });
  return { client, accountId: 'a'.repeat(32) };
}

function answering(status: number, code: number, headers: Record<string, string> = {}): Api {
  const body = { success: false, errors: [{ code, message: `text of ${code}` }], messages: [], result: null };
  return apiOn(async () => Response.json(body, { status, headers }));
}

async function failure(run: Promise<unknown>): Promise<SidecarError> {
  const error = await run.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof SidecarError, String(error));
  assert.doesNotMatch(JSON.stringify(error.toWire()), new RegExp(TOKEN));
  return error;
}

test('every status and number of Cloudflare has its code, and its errors travel along', async () => {
  const cases: [number, number, string][] = [
    [401, 10000, 'credentials-invalid'],
    [403, 10000, 'permission-denied'],
    [403, 10004, 'permission-denied'],
    [404, 10007, 'not-found'],
    [404, 7000, 'unsupported'],
    [409, 10004, 'already-exists'],
    [409, 10008, 'not-empty'],
    [409, 1, 'conflict'],
    [400, 10014, 'already-exists'],
    [400, 10021, 'script-invalid'],
    [413, 10027, 'limit-exceeded'],
    [400, 4242, 'cloudflare-error'],
    [500, 10004, 'cloudflare-error'],
  ];
  for (const [status, number, code] of cases) {
    const error = await failure(listWorkers(answering(status, number), never()));
    assert.equal(error.code, code, `${status} ${number}`);
    assert.deepEqual(error.data.cloudflare, {
      status,
      errors: [{ code: number, message: `text of ${number}` }],
    });
    assert.match(error.message, new RegExp(`text of ${number} \\[code: ${number}\\]`));
  }
});

test('a rate limit tells how long to wait', async () => {
  const seconds = await failure(listWorkers(answering(429, 971, { 'retry-after': '7' }), never()));
  assert.equal(seconds.code, 'rate-limited');
  assert.equal(seconds.data.retryAfterMs, 7000);
  const date = new Date(Date.now() + 60_000).toUTCString();
  const until = await failure(listWorkers(answering(429, 971, { 'retry-after': date }), never()));
  assert.ok(Number(until.data.retryAfterMs) > 50_000);
  assert.equal((await failure(listWorkers(answering(429, 971), never()))).data.retryAfterMs, undefined);
});

test('no connection, no answer and an answer that is no JSON are told apart', async () => {
  const refused = apiOn(async () => {
    throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
  });
  const unreachable = await failure(listWorkers(refused, never()));
  assert.equal(unreachable.code, 'network-error');
  assert.match(unreachable.message, /ECONNREFUSED/);
  const silent = apiOn(
    (_, init) =>
      new Promise((_resolve, reject) =>
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted'))),
      ),
  );
  assert.equal((await failure(listWorkers(silent, never()))).code, 'network-error');
  const html = apiOn(async () => new Response('<html>', { headers: { 'content-type': 'application/json' } }));
  assert.equal((await failure(listWorkers(html, never()))).code, 'cloudflare-error');
  const gateway = apiOn(async () => new Response('<html>bad gateway', { status: 502 }));
  const error = await failure(listWorkers(gateway, never()));
  assert.deepEqual([error.code, error.data.cloudflare], ['cloudflare-error', { status: 502, errors: [] }]);
});

test('a SidecarError of the fetch below comes through as it is', async () => {
  const own = new SidecarError('state-locked', 'locked', { data: { pid: 1 } });
  const api = apiOn(async () => {
    throw own;
  });
  assert.equal(await failure(listKvNamespaces(api, never())), own);
});
