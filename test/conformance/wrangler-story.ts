import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openLocalAccount } from '../../src/accounts/local/account.js';
import { serveLocalApi } from '../../src/accounts/local/api-server.js';
import * as kv from '../../src/cloudflare/kv.js';
import * as r2 from '../../src/cloudflare/r2.js';
import * as workers from '../../src/cloudflare/workers.js';
import { never, temporaryFolder, until } from '../accounts/local/fixture.js';
import { createWrangler, type WranglerProgram } from './wrangler.js';

const names = (list: readonly { name: string }[]) => list.map(({ name }) => name).sort();
const CONFIG = { name: 'hello', main: 'src/index.ts', compatibility_date: '2026-01-01', workers_dev: false };
const config = (more: object = {}) => JSON.stringify({ ...CONFIG, ...more }, null, 2);

/**
 * The real wrangler drives the local account through a unix socket. The tests are one story, in order: what one of
 * them leaves is what the next one finds.
 */
export async function tellWranglerStory(program: WranglerProgram): Promise<void> {
  const folder = await temporaryFolder({ after });
  const socketPath = join(folder, 'api.sock');
  const stateDir = join(folder, 'state');
  const log: string[] = [];
  const server = await serveLocalApi({ stateDir, listen: { socketPath }, log: (line) => log.push(line) });
  // Our own methods ask as any second process of fluorite-flake would: through the owner of the state directory.
  const account = openLocalAccount({ stateDir, log: (line) => log.push(line) });
  after(async () => {
    await account.close();
    await server.close();
  });
  const api = { client: await account.client(), accountId: account.info.id };
  const wrangler = await createWrangler({ after }, socketPath, program);

  const textOf = async (name: string, path = '/') =>
    (await account.invoke(name, new Request(`http://worker${path}`))).text();
  /** Commands that do not wait for each other: most of each one's time is its start. */
  const together = (...commands: string[][]) => Promise.all(commands.map((args) => wrangler.run(args)));

  test('whoami names the local account', async () => {
    const { stdout, stderr } = await wrangler.attempt(['whoami']);
    assert.match(stdout + stderr, /local@localhost/);
    assert.match(stdout, new RegExp(api.accountId));
  });

  test('deploy makes a Worker that answers', async () => {
    await wrangler.write({
      'wrangler.json': config(),
      'src/index.ts': `export default { fetch(request: Request): Response { return new Response('one'); } };`,
    });
    assert.match(await wrangler.run(['deploy']), /Uploaded hello/);
    assert.equal(await textOf('hello'), 'one');
    assert.deepEqual(names(await workers.listWorkers(api, never())), ['hello']);
  });

  test('KV namespaces and R2 buckets are created and listed', async () => {
    await together(
      ['kv', 'namespace', 'create', 'notes'],
      ['r2', 'bucket', 'create', 'files', '--location', 'weur'],
    );
    const [namespaces = '', buckets = ''] = await together(
      ['kv', 'namespace', 'list'],
      ['r2', 'bucket', 'list'],
    );
    const listed = JSON.parse(namespaces) as { id: string; title: string }[];
    const own = await kv.listKvNamespaces(api, never());
    assert.deepEqual(
      listed.map(({ id, title }) => [id, title]),
      own.map(({ id, title }) => [id, title]),
    );
    const [bucket, ...rest] = await r2.listR2Buckets(api, never());
    assert.deepEqual([bucket?.name, bucket?.location, rest], ['files', 'weur', []]);
    assert.match(buckets, /name: +files/);
  });

  test('a redeploy with KV, R2, variables and modules is a version and a deployment', async () => {
    const [namespace] = await kv.listKvNamespaces(api, never());
    await wrangler.write({
      'wrangler.json': config({
        vars: { GREETING: 'hi', SETTINGS: { deep: [1, 2] } },
        kv_namespaces: [{ binding: 'NOTES', id: namespace?.id }],
        r2_buckets: [{ binding: 'FILES', bucket_name: 'files' }],
        rules: [{ type: 'Text', globs: ['**/*.txt'] }],
      }),
      'src/words.txt': 'two',
      'src/index.ts': `
      import words from './words.txt';
      export default {
        async fetch(request, env) {
          const { pathname } = new URL(request.url);
          if (pathname === '/throw') throw new Error('no such luck');
          console.log('asked for', pathname);
          await env.NOTES.put('from-worker', 'kv', { metadata: { by: 'worker' } });
          await env.FILES.put('from-worker', 'r2');
          return Response.json([words, env.GREETING, env.SETTINGS, env.TOKEN ?? null]);
        },
      };`,
    });
    const output = await wrangler.run(['deploy', '--message', 'with bindings']);
    assert.match(output, /env\.NOTES/);
    assert.deepEqual(JSON.parse(await textOf('hello')), ['two', 'hi', { deep: [1, 2] }, null]);

    const [newest, oldest, ...rest] = await workers.listDeployments(api, 'hello', never());
    assert.deepEqual(rest, []);
    assert.equal(newest?.message, 'with bindings');
    assert.equal(newest?.source, 'wrangler');
    const [versionList = '', deploymentList = '', version = ''] = await together(
      ['versions', 'list', '--json'],
      ['deployments', 'list', '--json'],
      ['versions', 'view', newest?.versions[0]?.versionId ?? ''],
    );
    const versions = JSON.parse(versionList) as { id: string }[];
    assert.deepEqual(
      versions.map(({ id }) => id).sort(),
      [newest, oldest].map((one) => one?.versions[0]?.versionId).sort(),
    );
    const deployments = JSON.parse(deploymentList) as { id: string }[];
    assert.deepEqual(deployments.map(({ id }) => id).sort(), [newest?.id, oldest?.id].sort());
    assert.match(version, /GREETING/);
  });

  test('secrets are put one by one and in bulk, listed without their values, deleted, and kept by a redeploy', async () => {
    await wrangler.run(['secret', 'put', 'TOKEN'], 'a secret');
    assert.equal(JSON.parse(await textOf('hello'))[3], 'a secret');
    await wrangler.run(['secret', 'bulk'], JSON.stringify({ TOKEN: 'another', MORE: 'more' }));
    assert.deepEqual(JSON.parse(await textOf('hello')), ['two', 'hi', { deep: [1, 2] }, 'another']);
    const listed = await wrangler.run(['secret', 'list']);
    assert.deepEqual(names(JSON.parse(listed)), ['MORE', 'TOKEN']);
    assert.doesNotMatch(listed, /another/);
    await wrangler.run(['secret', 'delete', 'MORE']);
    assert.deepEqual((await workers.listBindings(api, 'hello', never())).map(({ name }) => name).sort(), [
      'FILES',
      'GREETING',
      'NOTES',
      'SETTINGS',
      'TOKEN',
    ]);
    await wrangler.run(['deploy']);
    assert.equal(JSON.parse(await textOf('hello'))[3], 'another');
  });

  test('keys are put, read, listed and deleted, one by one and in bulk', async () => {
    const [namespace] = await kv.listKvNamespaces(api, never());
    const id = namespace?.id ?? '';
    const on = ['--namespace-id', id, '--remote'];
    await wrangler.write({
      'pairs.json': JSON.stringify([
        { key: 'bulk-1', value: 'one' },
        { key: 'bulk-2', value: Buffer.from([0, 255]).toString('base64'), base64: true },
      ]),
      'keys.json': JSON.stringify(['bulk-1', 'bulk-2']),
    });
    await together(
      ['kv', 'key', 'put', 'by/hand ü', 'a value', '--metadata', '{"a":1}', '--ttl', '3600', ...on],
      ['kv', 'bulk', 'put', 'pairs.json', ...on],
    );
    assert.equal(await (await kv.getValue(api, id, 'by/hand ü', never())).body.text(), 'a value');
    assert.deepEqual(await kv.getMetadata(api, id, 'by/hand ü', never()), { a: 1 });
    const [byHand = '', listed = ''] = await together(
      ['kv', 'key', 'get', 'by/hand ü', '--text', ...on],
      ['kv', 'key', 'list', ...on],
    );
    assert.equal(byHand.trimEnd(), 'a value');
    const { items } = await kv.listKeys(api, id, {}, never());
    assert.deepEqual(JSON.parse(listed), items);
    assert.deepEqual(names(items), ['bulk-1', 'bulk-2', 'by/hand ü', 'from-worker']);
    await together(
      ['kv', 'bulk', 'delete', 'keys.json', '--force', ...on],
      ['kv', 'key', 'delete', 'by/hand ü', ...on],
    );
    assert.deepEqual(names((await kv.listKeys(api, id, {}, never())).items), ['from-worker']);
  });

  test('objects are put, read and deleted', async () => {
    const bytes = Buffer.from([0, 1, 254, 255]).toString('latin1');
    await wrangler.write({ 'object.bin': bytes });
    const object = (...args: string[]) => wrangler.run(['r2', 'object', ...args, '--remote']);
    await object('put', 'files/a/b.bin', '--file', 'object.bin', '--content-type', 'image/x-test');
    const { object: found, body } = await r2.getObject(api, 'files', 'a/b.bin', never());
    assert.equal(await body.text(), bytes);
    assert.equal(found.httpMetadata?.contentType, 'image/x-test');
    await object('get', 'files/a/b.bin', '--file', 'copy.bin');
    assert.equal(await readFile(join(wrangler.project, 'copy.bin'), 'utf8'), bytes);
    const info = JSON.parse(await wrangler.run(['r2', 'bucket', 'info', 'files', '--json'])) as {
      object_count: string;
      bucket_size: string;
    };
    assert.equal(Number(info.object_count), 2);
    assert.notEqual(info.bucket_size, '0 B');
    await object('delete', 'files/a/b.bin');
    const { items } = await r2.listObjects(api, 'files', {}, never());
    assert.deepEqual(
      items.map(({ key }) => key),
      ['from-worker'],
    );
  });

  test('tail shows what a Worker logs and throws, filtered at its source', async () => {
    const child = wrangler.start(['tail', 'hello', '--format', 'json', '--status', 'error']);
    let output = '';
    let errors = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const closed = once(child, 'close');
    try {
      await until(async () => {
        await Promise.allSettled([textOf('hello', '/quiet'), textOf('hello', '/throw')]);
        return output.includes('no such luck') && output.endsWith('}\n');
      }, `the tail: ${errors}`);
    } finally {
      child.kill('SIGINT');
    }
    await closed;
    const [first = ''] = output.split(/(?<=^\})\n/m);
    const event = JSON.parse(first) as {
      outcome: string;
      scriptName: string;
      exceptions: { message: string }[];
    };
    assert.equal(event.outcome, 'exception');
    assert.equal(event.scriptName, 'hello');
    assert.equal(event.exceptions[0]?.message, 'no such luck');
    assert.doesNotMatch(output, /quiet/);
  });

  test('a broken script is refused as Cloudflare refuses it, and the old one serves', async () => {
    await wrangler.write({ 'src/index.ts': 'throw new Error("at the top"); export default {};' });
    const { code, stdout, stderr } = await wrangler.attempt(['deploy']);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /at the top[\s\S]*10021/);
    assert.equal(JSON.parse(await textOf('hello'))[0], 'two');
  });

  test('secrets of a version that does not serve yet are put, listed and deleted', async () => {
    await wrangler.run(['versions', 'secret', 'put', 'LATER'], 'not yet');
    assert.match(await wrangler.run(['versions', 'secret', 'list', '--latest-version']), /LATER/);
    const serving = await workers.listBindings(api, 'hello', never());
    assert.ok(!names(serving).includes('LATER'), 'it serves already');
    await wrangler.run(['versions', 'secret', 'delete', 'LATER']);
    assert.doesNotMatch(await wrangler.run(['versions', 'secret', 'list', '--latest-version']), /LATER/);
  });

  test('triggers deploy finds nothing to do', async () => {
    await wrangler.run(['triggers', 'deploy']);
  });

  test('an older version is deployed again', async () => {
    const deployments = await workers.listDeployments(api, 'hello', never());
    const first = deployments.at(-1)?.versions[0]?.versionId ?? '';
    await wrangler.run(['versions', 'deploy', `${first}@100%`, '--yes', '--message', 'back']);
    assert.equal(await textOf('hello'), 'one');
    const [newest] = await workers.listDeployments(api, 'hello', never());
    assert.equal(newest?.message, 'back');
  });

  test('workers.dev is refused with the reason, before the upload or after it', async () => {
    await wrangler.write({
      'wrangler.json': config({ name: 'public', workers_dev: true }),
      'src/index.ts': `export default { fetch: () => new Response('public') };`,
    });
    const { code, stdout, stderr } = await wrangler.attempt(['deploy']);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /no workers\.dev subdomain/);
    const deployed = names(await workers.listWorkers(api, never()));
    assert.deepEqual(deployed, program.uploadsFirst ? ['hello', 'public'] : ['hello']);
  });

  test('delete takes Workers, namespaces and buckets away, and nothing went wrong that nobody was told', async () => {
    const [namespace] = await kv.listKvNamespaces(api, never());
    await r2.deleteObject(api, 'files', 'from-worker', never());
    await together(
      ...(await workers.listWorkers(api, never())).map(({ name }) => ['delete', '--name', name]),
    );
    await together(
      ['kv', 'namespace', 'delete', '--namespace-id', namespace?.id ?? ''],
      ['r2', 'bucket', 'delete', 'files'],
    );
    assert.deepEqual(await workers.listWorkers(api, never()), []);
    assert.deepEqual(await kv.listKvNamespaces(api, never()), []);
    assert.deepEqual(await r2.listR2Buckets(api, never()), []);
    assert.deepEqual(
      log.filter((line) => line.includes('internal-error')),
      [],
    );
  });
}
