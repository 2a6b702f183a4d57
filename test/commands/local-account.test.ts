import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { openAccount } from '../../src/accounts/index.js';
import { type MethodName, methods, type TraceEvent } from '../../src/protocol/index.js';
import { createHandlers } from '../../src/server/handlers/index.js';
import { createServices } from '../../src/server/services.js';
import { projectFolder } from '../project/project-folder.js';
import { callContext } from '../support/call-context.js';
import { heldToContract } from '../support/listed-errors.js';
import { until } from '../support/until.js';
import { type CliOptions, type CliResult, resultOf, runCli, startCli } from './run-cli.js';

const WORKER = `export default {
  async fetch(request, env) {
    console.log('asked for', new URL(request.url).pathname);
    if (request.method === 'PUT') await env.KV.put('from-worker', await request.text());
    return new Response((await env.KV.get('from-worker')) ?? env.GREETING, { headers: { 'x-seen': 'yes' } });
  },
};`;

/** A local account of its own, in a temporary folder. */
function account(t: TestContext, folder: string) {
  const cli = (args: string[], options: CliOptions = {}) =>
    runCli(['--account', 'local', '--state-dir', join(folder, 'state'), ...args], {
      cwd: folder,
      ...options,
    });
  return {
    run: async (args: string[], options?: CliOptions): Promise<CliResult> => {
      const result = await cli(args, options);
      assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`);
      assert.match(result.stderr, /^local account, state in /m);
      return result;
    },
    fail: async (args: string[], options?: CliOptions): Promise<CliResult> => {
      const result = await cli(args, options);
      assert.equal(result.code, 1, `${args.join(' ')}: ${result.stderr}`);
      return result;
    },
    json: async <M extends MethodName>(method: M, args: string[]) => {
      const result = await cli([...args, '--json']);
      assert.equal(result.code, 0, result.stderr);
      const lines = result.stderr.trim().split('\n');
      assert.equal(lines.length, 1, result.stderr);
      assert.equal(JSON.parse(lines[0] ?? '').account.kind, 'local');
      const parsed = methods[method].result.parse(JSON.parse(result.stdout));
      assert.deepEqual(parsed, JSON.parse(result.stdout));
      return JSON.parse(result.stdout);
    },
    start: (args: string[]) => {
      const child = startCli(['--account', 'local', '--state-dir', join(folder, 'state'), ...args], {
        cwd: folder,
      });
      t.after(() => child.kill('SIGKILL'));
      return child;
    },
  };
}

/** One process that keeps the storage running makes many short ones fast: they share it through its owner. */
async function ownStorage(t: TestContext, folder: string): Promise<void> {
  const stateDir = join(folder, 'state');
  const services = createServices({
    openAccount: () => openAccount({ account: 'local', stateDir, cwd: folder, env: {}, log: () => {} }),
    cwd: folder,
    log: () => {},
  });
  t.after(() => services.close());
  const handlers = heldToContract(createHandlers(services));
  const context = callContext();
  const { namespace } = await handlers['dashboard.createKvNamespace']({ title: 'owned' }, context);
  await handlers['kv.put'](
    { namespaceId: namespace.id, key: 'k', value: 'v', valueEncoding: 'utf8' },
    context,
  );
}

async function workerFolder(t: TestContext): Promise<string> {
  return projectFolder(t, {
    'app/wrangler.jsonc': JSON.stringify({
      name: 'hello',
      main: 'index.js',
      compatibility_date: '2026-01-02',
      vars: { GREETING: 'hi' },
      kv_namespaces: [{ binding: 'KV' }],
    }),
    'app/index.js': WORKER,
  });
}

test('a Worker is deployed, listed, invoked, tailed from another process and deleted', async (t) => {
  const folder = await workerFolder(t);
  const { run, json, fail, start } = account(t, folder);
  const deployed = await json('dashboard.deployWorker', [
    'deploy',
    '--cwd',
    join(folder, 'app'),
    '--var',
    'GREETING:hey: you',
  ]);
  assert.equal(deployed.name, 'hello');
  const [worker] = await json('dashboard.listWorkers', ['workers', 'list']);
  assert.equal(worker.name, 'hello');
  assert.match((await run(['workers', 'list'])).stdout, /^NAME .*\nhello /);

  assert.equal((await run(['workers', 'invoke', 'hello'])).stdout, 'hey: you');
  const put = await run(
    ['workers', 'invoke', 'hello', '/a?b', '-X', 'PUT', '-H', 'x-a: b', '--body-stdin', '-i'],
    { input: 'kept' },
  );
  assert.match(put.stdout, /^200\n(.*\n)*x-seen: yes\n(.*\n)*\nkept$/);

  const tail = start(['tail', 'hello', '--json']);
  const ended = resultOf(tail);
  const firstLine = new Promise<string>((resolve) => {
    if (tail.stdout) createInterface({ input: tail.stdout }).once('line', resolve);
  });
  let line: string | undefined;
  firstLine.then((text) => {
    line = text;
  });
  await until('a line of the tail', async () => {
    await run(['workers', 'invoke', 'hello', '/x']);
    return line !== undefined || tail.exitCode !== null;
  });
  assert.ok(line, `the tail prints an event${tail.exitCode === null ? '' : `: ${(await ended).stderr}`}`);
  const event = JSON.parse(line) as TraceEvent;
  assert.deepEqual(event.logs[0]?.message, ['asked for', '/x']);
  const children = descendants(tail.pid ?? 0);
  tail.kill('SIGINT');
  assert.equal((await ended).code, 130);
  assert.deepEqual(children.filter(isAlive), [], 'nothing of the tail lives on');

  assert.match((await run(['dashboard'])).stdout, /Workers \(1\)\n.*\nhello /);
  const dashboard = await json('dashboard.getData', ['dashboard']);
  assert.equal(dashboard.kvNamespaces.length, 1);
  await run(['workers', 'delete', 'hello']);
  assert.match((await fail(['workers', 'invoke', 'hello'])).stderr, /^error: .*\(not-found\)$/m);
});

test('R2 objects and KV values go in from files, stdin and argv and come back byte for byte', async (t) => {
  const folder = await projectFolder(t, { 'in.bin': new Uint8Array([0, 255, 128, 10]) });
  const { run, json, fail } = account(t, folder);
  const binary = await readFile(join(folder, 'in.bin'));
  await ownStorage(t, folder);

  await run(['r2', 'bucket', 'create', 'photos']);
  const object = await json('r2.putObject', [
    'r2',
    'object',
    'put',
    'photos',
    'a/b.bin',
    '--cwd',
    folder,
    '--file',
    'in.bin',
    '--content-type',
    'image/x',
    '--metadata',
    'by=me=too',
  ]);
  assert.deepEqual(object.object.customMetadata, { by: 'me=too' });
  await run(['r2', 'object', 'put', 'photos', '--', '-odd key\n'], { input: 'text' });
  assert.match(
    (await run(['r2', 'object', 'list', 'photos'])).stdout,
    /4 B .* -odd key\\n\n(.*\n)*4 B .* a\/b\.bin\n/,
  );
  assert.equal((await run(['r2', 'object', 'get', 'photos', '--', '-odd key\n'])).stdout, 'text');
  await run(['r2', 'object', 'get', 'photos', 'a/b.bin', '--cwd', folder, '--file', 'out.bin']);
  assert.deepEqual(await readFile(join(folder, 'out.bin')), binary);
  assert.match((await fail(['r2', 'bucket', 'delete', 'photos'])).stderr, /\(not-empty\)/);
  await run(['r2', 'object', 'delete', 'photos', 'a/b.bin']);
  await run(['r2', 'object', 'delete', 'photos', '--', '-odd key\n']);
  await run(['r2', 'bucket', 'delete', 'photos']);
  assert.deepEqual(await json('dashboard.listR2Buckets', ['r2', 'bucket', 'list']), []);

  const { namespace } = await json('dashboard.createKvNamespace', [
    'kv',
    'namespace',
    'create',
    'my sessions',
  ]);
  await run(['kv', 'key', 'put', 'my sessions', 'n', '--ttl', '3600', '--metadata', '{"a":1}', '--', '-1']);
  await run(['kv', 'key', 'put', namespace.id, 'bytes', '--file', join(folder, 'in.bin')]);
  const { items } = await json('kv.listKeys', ['kv', 'key', 'list', 'my sessions']);
  assert.deepEqual(
    items.map(({ name }: { name: string }) => name),
    ['bytes', 'n'],
  );
  assert.deepEqual(items[1].metadata, { a: 1 });
  assert.equal((await run(['kv', 'key', 'get', 'my sessions', 'n'])).stdout, '-1');
  assert.equal((await json('kv.get', ['kv', 'key', 'get', namespace.id, 'bytes'])).valueEncoding, 'base64');
  await run(['kv', 'key', 'delete', namespace.id, 'n']);
  assert.match((await fail(['kv', 'key', 'get', namespace.id, 'n'])).stderr, /\(not-found\)/);
  assert.match(
    (await fail(['kv', 'key', 'list', 'nothing'])).stderr,
    /No KV namespace has the id or title "nothing"/,
  );
  await run(['kv', 'namespace', 'delete', 'my sessions']);
});

test('a deploy that cannot be built, found or read is told with its place and code', async (t) => {
  const folder = await workerFolder(t);
  const { fail } = account(t, folder);
  await writeFile(join(folder, 'app/index.js'), 'export default {');
  assert.match(
    (await fail(['deploy', '--cwd', join(folder, 'app')])).stderr,
    /index\.js:1:16: .*\(build-failed\)/,
  );
  const { stderr } = await fail(['deploy', '--cwd', folder, '--json']);
  const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
  assert.equal(error.code, 'config-not-found');
  assert.equal(error.data.looked.length, 3);
  await writeFile(join(folder, 'app/wrangler.jsonc'), '{\n"name": 7\n}');
  assert.match(
    (await fail(['deploy', '--cwd', join(folder, 'app')])).stderr,
    /wrangler\.jsonc:2: `name`.*\(config-invalid\)/,
  );
});

test('a tail whose reader goes away ends quietly and leaves no process', async (t) => {
  const folder = await workerFolder(t);
  const { run, start } = account(t, folder);
  await run(['deploy', '--cwd', join(folder, 'app')]);
  const tail = start(['tail', 'hello']);
  const ended = resultOf(tail);
  await new Promise<void>((resolve) => {
    tail.stderr?.on('data', (text: string) => text.includes('Tailing hello') && resolve());
  });
  const children = descendants(tail.pid ?? 0);
  tail.stdout?.destroy();
  await until('the end of the tail', async () => {
    await run(['workers', 'invoke', 'hello']);
    return tail.exitCode !== null;
  });
  const { code, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /error/);
  assert.deepEqual(children.filter(isAlive), []);
});

function descendants(pid: number): number[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const parent of found)
    found.push(...table.filter(([, of]) => of === parent).map(([child = 0]) => child));
  return found.slice(1);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
