// Values that must never show, led through every error, log and debug path of the real CLI.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SidecarEvents, TauriSidecar } from '../../bridge/index.js';
import { BUILT_CLI, importLibrary } from '../support/built.js';
import { record } from '../support/figures.js';
import { descendantsOf } from '../support/process-tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { HANG_MS, until } from '../support/until.js';

const folder = temporaryFolder();
const library = await importLibrary();

const CANARIES = {
  authToken: 'canary-auth-token-1f2e',
  apiToken: 'canary-api-token-3d4c',
  apiKey: 'canary "api" key-5b6a',
  userSecret: 'canary-user-password-7988',
  secretBinding: 'canary-secret-binding-a0b1',
  kvValue: 'canary-kv-value-c2d3',
  r2Value: 'canary-r2-value-e4f5',
} as const;

/** Everything that anybody could print. */
const seen: string[] = [];

function tell(value: unknown): void {
  if (!(value instanceof Error)) {
    seen.push(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
    return;
  }
  seen.push(String(value), value.stack ?? '', JSON.stringify(value), JSON.stringify({ ...value }));
  if (value.cause !== undefined) tell(value.cause);
}

const EVENTS: (keyof SidecarEvents)[] = [
  'error',
  'process-error',
  'process-exit',
  'ipc-error',
  'restart-failed',
  'state-change',
  'tail-end',
];
process.on('warning', tell);

function createSidecar(options: object = {}): TauriSidecar {
  const sidecar = new library.TauriSidecar({
    cliPath: BUILT_CLI,
    account: 'local',
    stateDir: join(folder, 'state'),
    cwd: folder,
    debug: true,
    logger: tell,
    restartDelay: 1,
    startTimeout: HANG_MS,
    authToken: CANARIES.authToken,
    env: {
      CLOUDFLARE_API_TOKEN: CANARIES.apiToken,
      CLOUDFLARE_API_KEY: CANARIES.apiKey,
      USER_PASSWORD: CANARIES.userSecret,
      TMPDIR: folder,
    },
    ...options,
  });
  for (const event of EVENTS) (sidecar as import('node:events').EventEmitter).on(event, tell);
  return sidecar;
}

/** Makes a call whose error, if it is one, is told; a result is what was asked for and no leak. */
async function probe(sidecar: TauriSidecar, method: string, params: object): Promise<boolean> {
  try {
    await (sidecar.call as (method: string, params: object) => Promise<unknown>)(method, params);
    return true;
  } catch (error) {
    tell(error);
    return false;
  }
}

const secret = { type: 'secret_text', name: 'SECRET', text: CANARIES.secretBinding };
const fine =
  'export default { fetch(_r, env) { console.log("ran"); return new Response(String(env.SECRET.length)); } }';
const BROKEN_SCRIPTS = [
  'this is no JavaScript',
  'throw new Error("at the top level"); export default {}',
  'import "not-there"; export default {}',
  'export default 7',
];

async function misuse(sidecar: TauriSidecar): Promise<void> {
  const bindings = [secret];
  for (const script of BROKEN_SCRIPTS)
    await probe(sidecar, 'dashboard.deployWorker', { name: 'canary', script, bindings });
  for (const extra of [
    { compatibilityDate: '2999-01-01' },
    { compatibilityFlags: ['no_such_flag'] },
    { unknown: 1 },
  ])
    await probe(sidecar, 'dashboard.deployWorker', { name: 'canary', script: fine, bindings, ...extra });
  for (const binding of [
    { ...secret, name: 7 },
    { ...secret, name: 'not a name' },
    { ...secret, more: CANARIES.secretBinding },
    { ...secret, type: 'secret_txt' },
  ])
    await probe(sidecar, 'dashboard.deployWorker', { name: 'canary', script: fine, bindings: [binding] });
  const { kvValue, r2Value } = CANARIES;
  const namespaceId = '0'.repeat(32);
  for (const params of [
    { namespaceId, key: 'k', value: kvValue },
    { namespaceId: 'none', key: 'k', value: kvValue },
    { namespaceId, key: 'k', value: kvValue, expirationTtl: 1 },
    { namespaceId, key: 'k', value: kvValue, metadata: kvValue.repeat(100) },
    { namespaceId, key: 'k', value: kvValue, valueEncoding: 'base64' },
    { namespaceId, key: 'k', value: { kvValue } },
    { namespaceId, key: 'k', values: kvValue },
  ])
    await probe(sidecar, 'kv.put', params);
  for (const params of [
    { bucket: 'not-there', key: 'k', body: r2Value },
    { bucket: 'NOT A NAME', key: 'k', body: r2Value },
    { bucket: 'not-there', key: 'k', body: r2Value, path: '/x' },
    { bucket: 'not-there', key: 'k', body: r2Value, bodyEncoding: 'base64' },
    { bucket: 'not-there', key: 'k', body: [r2Value] },
    { bucket: 'not-there', key: 'k', body: r2Value, httpMetadata: { contentType: 7 } },
  ])
    await probe(sidecar, 'r2.putObject', params);
}

async function use(sidecar: TauriSidecar): Promise<void> {
  const { namespace } = (await sidecar.call('dashboard.createKvNamespace', {
    title: 'canary',
  })) as unknown as {
    namespace: { id: string };
  };
  assert.ok(await probe(sidecar, 'kv.put', { namespaceId: namespace.id, key: 'k', value: CANARIES.kvValue }));
  assert.ok(await probe(sidecar, 'kv.get', { namespaceId: namespace.id, key: 'k' }));
  assert.ok(await probe(sidecar, 'dashboard.createR2Bucket', { name: 'canary' }));
  assert.ok(await probe(sidecar, 'r2.putObject', { bucket: 'canary', key: 'k', body: CANARIES.r2Value }));
  assert.ok(
    await probe(sidecar, 'dashboard.deployWorker', { name: 'canary', script: fine, bindings: [secret] }),
  );
  assert.ok(await probe(sidecar, 'dashboard.invokeWorker', { name: 'canary' }));
  // What reads back what is there: names, never values of secrets.
  for (const method of ['dashboard.getData', 'dashboard.listWorkers'] as const)
    tell(await sidecar.call(method));
}

/** Nobody else's arguments hold one, and a Worker's process no credentials at all. */
function lookAtProcesses(): void {
  for (const { pid, command } of descendantsOf(process.pid)) {
    seen.push(command);
    if (!/workerd serve|\/bin\/sh -c/.test(command)) continue;
    seen.push(readFileSync(`/proc/${pid}/environ`, 'latin1'));
  }
}

test('no secret is seen in any error, log, event, argument or environment of another process', async () => {
  const sidecar = createSidecar();
  try {
    await sidecar.start();
    await misuse(sidecar);
    await use(sidecar);
    if (process.platform === 'linux') lookAtProcesses();
    // A child that is killed, and one that cannot start.
    const { pid } = sidecar;
    process.kill(pid as number, 'SIGKILL');
    await until('another child', () => sidecar.isRunning() && sidecar.pid !== pid);
    await misuse(sidecar);
  } finally {
    await sidecar.stop();
  }
  await failToStart();
  const text = seen.join('\n');
  const leaked = Object.entries(CANARIES).filter(
    ([, canary]) => text.includes(canary) || text.includes(JSON.stringify(canary).slice(1, -1)),
  );
  record({
    test: `${Object.keys(CANARIES).length} canary secrets through ${seen.length} errors, logs, events and processes`,
    goal: '0 seen',
    reached: `${leaked.length} seen`,
  });
  assert.deepEqual(
    leaked.map(([name, canary]) => `${name}: ${seen.find((one) => one.includes(canary))?.slice(0, 300)}`),
    [],
  );
  // The log was written at all, and the errors were.
  assert.ok(seen.length > 60);
  assert.ok(text.includes('[redacted]') || text.includes('state: idle -> starting'));
});

/** An API that says in every answer what it was sent. */
async function echoingApi(): Promise<{ baseURL: string; close(): void }> {
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        success: false,
        errors: [{ code: 9106, message: `It is wrong: ${authorization}`, documentation_url: authorization }],
        messages: [authorization],
        result: null,
      }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { baseURL: `http://127.0.0.1:${port}/client/v4`, close: () => server.close() };
}

/** Where the CLI finds a token by itself, each in a home of its own. */
const SOURCES: Record<string, (home: string, token: string) => void> = {
  'a stored profile': (home, apiToken) =>
    writeFileSync(join(home, 'profile.json'), JSON.stringify({ version: 1, keychain: false, apiToken })),
  'a keychain': (home, token) => {
    writeFileSync(join(home, 'profile.json'), JSON.stringify({ version: 1, keychain: true }));
    for (const program of ['secret-tool', 'security'])
      writeFileSync(join(home, program), `#!/bin/sh\necho ${token}\n`, { mode: 0o755 });
  },
  'a login of wrangler': (home, token) => {
    mkdirSync(join(home, '.wrangler', 'config'), { recursive: true });
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const toml = `oauth_token = "${token}"\nexpiration_time = "${later}"\n`;
    writeFileSync(join(home, '.wrangler', 'config', 'default.toml'), toml);
  },
};

test('no token that the CLI finds by itself is seen, though Cloudflare says it in every error', async (t) => {
  const api = await echoingApi();
  t.after(api.close);
  const sources = Object.entries(SOURCES);
  for (const [index, [source, prepare]] of sources.entries()) {
    const token = `canary-found-token-${index}-0a1b2c`;
    const home = join(folder, `home${index}`);
    mkdirSync(home);
    prepare(home, token);
    const from = seen.length;
    const env = { HOME: home, FLUORITE_FLAKE_HOME: home, PATH: home, CLOUDFLARE_API_BASE_URL: api.baseURL };
    // With an account the calls fail, without one the start.
    for (const more of [{ CLOUDFLARE_ACCOUNT_ID: 'a'.repeat(32) }, {}]) {
      const sidecar = createSidecar({ account: 'cloud', env: { ...env, ...more } });
      await sidecar.start().catch(tell);
      if (sidecar.isRunning()) {
        await probe(sidecar, 'dashboard.listWorkers', {});
        await probe(sidecar, 'dashboard.deployWorker', { name: 'canary', script: fine });
        await probe(sidecar, 'dashboard.tailLogs', { workerName: 'canary' });
        tell(await sidecar.call('dashboard.getData'));
      }
      await sidecar.stop();
    }
    const text = seen.slice(from).join('\n');
    assert.ok(text.includes('It is wrong: Bearer [redacted]'), `${source}: ${text}`);
    assert.equal(
      seen.find((one) => one.includes(token)),
      undefined,
      source,
    );
  }
  record({
    test: `a canary token from ${sources.map(([source]) => source).join(', ')}`,
    goal: '0 seen',
    reached: '0 seen',
  });
});

/** Starts that fail in every way, each of which shows what the program wrote. */
async function failToStart(): Promise<void> {
  const chatty = join(folder, 'chatty.js');
  writeFileSync(
    chatty,
    `const fs = require('fs');
     console.error(fs.readFileSync(3, 'utf8'), process.env.CLOUDFLARE_API_TOKEN, process.env.CLOUDFLARE_API_KEY, process.env.USER_PASSWORD);
     console.log(process.env.CLOUDFLARE_API_TOKEN);
     process.exit(1);`,
  );
  mkdirSync(join(folder, 'is-a-folder'));
  const kinds = [
    { cliPath: chatty },
    { cliPath: join(folder, 'not-there') },
    { cliPath: join(folder, 'is-a-folder') },
    { stateDir: '/proc/not/possible' },
    { cwd: join(folder, 'not-there') },
    { account: 'cloud', env: { CLOUDFLARE_API_TOKEN: '', CLOUDFLARE_API_KEY: CANARIES.apiKey } },
  ];
  for (const options of kinds) {
    const sidecar = createSidecar({ startTimeout: 8000, ...options });
    await sidecar.start().catch(tell);
    if (sidecar.isRunning()) await probe(sidecar, 'dashboard.createR2Bucket', { name: 'canary-two' });
    await sidecar.stop();
  }
}
