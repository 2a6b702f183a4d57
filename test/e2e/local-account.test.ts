import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TauriSidecar } from '../../bridge/index.js';
import { importLibrary } from '../support/built.js';
import { boundInetSockets, descendantsOf, untilGone } from '../support/process-tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { HANG_MS } from '../support/until.js';
import { writeWorkerProject } from '../support/worker-project.js';

const folder = temporaryFolder();
const { TauriSidecar: Sidecar, isTailGap } = await importLibrary();

function createSidecar(): TauriSidecar {
  return new Sidecar({
    account: 'local',
    stateDir: join(folder, 'state'),
    cwd: join(folder, 'project'),
    restartDelay: 20,
    startTimeout: HANG_MS,
  });
}

async function invoke(sidecar: TauriSidecar, url: string): Promise<{ status: number; body: string }> {
  const { status, body } = await sidecar.call('dashboard.invokeWorker', { name: 'my-worker', url });
  return { status, body };
}

/** Looks at every process of this tree as long as `work` goes on. */
async function watchSockets(
  work: () => Promise<void>,
): Promise<{ found: Set<string>; commands: Set<string> }> {
  const found = new Set<string>();
  const commands = new Set<string>();
  const look = () => {
    for (const { pid, command } of descendantsOf(process.pid)) {
      commands.add(command);
      for (const socket of boundInetSockets(pid)) found.add(`${command}: ${socket}`);
    }
    for (const socket of boundInetSockets(process.pid)) found.add(`host: ${socket}`);
  };
  const timer = setInterval(look, 20);
  try {
    await work();
    look();
  } finally {
    clearInterval(timer);
  }
  return { found, commands };
}

describe('the local account, from the library to workerd and back', () => {
  it('deploys, invokes, tails and stores without one inet socket in the process tree', async () => {
    writeWorkerProject(join(folder, 'project'));
    const sidecar = createSidecar();
    await sidecar.start();
    assert.equal(sidecar.account?.kind, 'local');
    assert.equal(sidecar.account.stateDir, join(folder, 'state'));
    const { found, commands } = await watchSockets(() => story(sidecar));
    assert.deepEqual([...found], []);
    assert.ok(
      [...commands].some((command) => command.includes('workerd')),
      `no workerd among ${[...commands].join('\n')}`,
    );
    const pids = descendantsOf(process.pid)
      .filter(({ command }) => /workerd|fluorite|cli\.js/.test(command))
      .map(({ pid }) => pid);
    await sidecar.stop();
    await untilGone(pids);
  });

  it('has everything still there after all of it was restarted', async () => {
    const sidecar = createSidecar();
    await sidecar.start();
    try {
      const data = await sidecar.call('dashboard.getData');
      assert.deepEqual(data.errors, []);
      assert.deepEqual(
        data.workers.map(({ name }) => name),
        ['my-worker'],
      );
      assert.equal((await invoke(sidecar, '/count')).body, '4');
      assert.equal((await invoke(sidecar, '/')).body, 'two');
      const [bucket] = await sidecar.call('dashboard.listR2Buckets');
      const object = await sidecar.call('r2.getObject', {
        bucket: bucket?.name ?? '',
        key: 'made-by-worker.txt',
      });
      assert.equal(object.body, 'hello from the Worker');
    } finally {
      await sidecar.stop();
    }
  });

  it('serves again after the CLI was killed in the middle', async () => {
    const sidecar = createSidecar();
    await sidecar.start();
    try {
      assert.equal((await invoke(sidecar, '/count')).body, '5');
      const orphans = descendantsOf(sidecar.pid ?? 0).map(({ pid }) => pid);
      process.kill(sidecar.pid ?? 0, 'SIGKILL');
      const workers = await sidecar.call('dashboard.listWorkers');
      assert.equal(workers.length, 1);
      await untilGone(orphans);
      assert.equal((await invoke(sidecar, '/count')).body, '6');
    } finally {
      await sidecar.stop();
    }
  });

  it('answers each kind of bad input with a typed error, and the next call works', async () => {
    const sidecar = createSidecar();
    await sidecar.start();
    const call = sidecar.call.bind(sidecar) as (method: string, params?: unknown) => Promise<unknown>;
    try {
      await assert.rejects(call('dashboard.deployWorker', { nmae: 'x' }), { code: 'invalid-params' });
      await assert.rejects(call('dashboard.nothing'), { code: 'method-not-found' });
      await assert.rejects(call('dashboard.invokeWorker', { name: 'nobody' }), { code: 'not-found' });
      await assert.rejects(call('dashboard.deleteWorker', { name: 'nobody' }), { code: 'not-found' });
      await assert.rejects(call('dashboard.tailLogs', { workerName: 'nobody' }), { code: 'not-found' });
      await assert.rejects(call('dashboard.createR2Bucket', { name: 'Not A Bucket' }), {
        code: 'invalid-params',
      });
      await assert.rejects(call('dashboard.createR2Bucket', { name: 'my-worker-files' }), {
        code: 'already-exists',
      });
      await assert.rejects(call('dashboard.deleteR2Bucket', { name: 'my-worker-files' }), {
        code: 'not-empty',
      });
      await assert.rejects(call('kv.get', { namespaceId: '0'.repeat(32), key: 'x' }), { code: 'not-found' });
      await assert.rejects(
        call('dashboard.deployWorker', { name: 'my-worker', script: 'export default {' }),
        {
          code: 'script-invalid',
          message: /SyntaxError/,
        },
      );
      assert.equal((await invoke(sidecar, '/')).body, 'two');
    } finally {
      await sidecar.stop();
    }
  });
});

async function story(sidecar: TauriSidecar): Promise<void> {
  const deployed = await sidecar.call('dashboard.deployWorker', { name: 'my-worker', dryRun: false });
  assert.equal(deployed.success, true);
  assert.equal(deployed.name, 'my-worker');
  await readAndWrite(sidecar);
  await tailEverything(sidecar);
  await redeployUnderLoad(sidecar);
}

/** KV and R2, written on either side and read on the other. */
async function readAndWrite(sidecar: TauriSidecar): Promise<void> {
  assert.deepEqual(await invoke(sidecar, '/count'), { status: 200, body: '1' });
  const [namespace] = await sidecar.call('dashboard.listKvNamespaces');
  const namespaceId = namespace?.id ?? '';
  assert.equal((await sidecar.call('kv.get', { namespaceId, key: 'count' })).value, '1');
  await sidecar.call('kv.put', { namespaceId, key: 'count', value: '2', metadata: { by: 'the API' } });
  assert.equal((await invoke(sidecar, '/count')).body, '3');
  const [bucket] = await sidecar.call('dashboard.listR2Buckets');
  const name = bucket?.name ?? '';
  await sidecar.call('r2.putObject', { bucket: name, key: 'made-by-api.txt', body: 'hello from the API' });
  assert.equal((await invoke(sidecar, '/file')).body, 'hello from the API');
  const { items } = await sidecar.call('r2.listObjects', { bucket: name });
  assert.deepEqual(
    items.map(({ key }) => key),
    ['made-by-api.txt', 'made-by-worker.txt'],
  );
}

async function tailEverything(sidecar: TauriSidecar): Promise<void> {
  const tail = sidecar.tailLogs({ workerName: 'my-worker' });
  await tail.ready;
  assert.equal((await invoke(sidecar, '/')).body, 'one');
  assert.equal((await invoke(sidecar, '/boom')).status, 500);
  const events = [];
  for await (const event of tail) {
    assert.ok(!isTailGap(event));
    events.push(event);
    if (events.length === 2) break;
  }
  const [fine, thrown] = events;
  assert.equal(fine?.outcome, 'ok');
  assert.equal(fine.scriptName, 'my-worker');
  assert.deepEqual(fine.logs[0]?.message, ['request', '/']);
  assert.equal(thrown?.outcome, 'exception');
  assert.equal(thrown.exceptions[0]?.message, 'as asked for');
  assert.equal(tail.dropped, 0);
}

/** A request that is in flight while a new version takes over is answered by the old one. */
async function redeployUnderLoad(sidecar: TauriSidecar): Promise<void> {
  const slow = invoke(sidecar, '/slow');
  writeWorkerProject(join(folder, 'project'), 'two');
  await sidecar.call('dashboard.deployWorker', {});
  assert.equal((await invoke(sidecar, '/')).body, 'two');
  assert.deepEqual(await slow, { status: 200, body: 'one' });
}
