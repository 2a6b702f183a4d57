// A state directory that is taken away from its owner: no change that was acknowledged is lost, none is made elsewhere.
import assert from 'node:assert/strict';
import { cpSync, existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LocalRuntime } from '../../../src/accounts/local/runtime.js';
import { SharedApi } from '../../../src/accounts/local/shared-api.js';
import { StateFile } from '../../../src/accounts/local/state-file.js';
import { SidecarError } from '../../../src/protocol/index.js';
import { beforeNth } from '../../support/failing-files.js';
import { until } from '../../support/until.js';
import { noRuntime, temporaryFolder } from './fixture.js';

/** What can happen to a directory at `path`, of which `aside` is the place it may go. */
const TAKEN: Readonly<Record<string, (path: string, aside: string) => void>> = {
  moved: (path, aside) => renameSync(path, aside),
  deleted: (path) => rmSync(path, { recursive: true }),
  'replaced by its copy': (path, aside) => {
    renameSync(path, aside);
    cpSync(aside, path, { recursive: true, filter: (name) => !name.includes('/run') });
  },
  'without its locks': (path) => rmSync(join(path, 'lock'), { recursive: true }),
  'claimed by another': (path) => {
    const own = join(path, 'lock', 'owner.1');
    if (existsSync(own)) linkSync(own, join(path, 'lock', 'owner.2'));
  },
  'locked by another under the same number': (path) => {
    rmSync(join(path, 'lock', 'owner.1'), { force: true });
    if (existsSync(join(path, 'lock'))) writeFileSync(join(path, 'lock', 'owner.1'), '');
  },
};
const TOLD = ['state-moved', 'indeterminate', 'file-error', 'not-running'];

const create = (title: string) => () =>
  new Request('http://local/client/v4/accounts/x/storage/kv/namespaces', {
    method: 'POST',
    body: JSON.stringify({ title }),
  });
const open = (stateDir: string, createRuntime: () => Promise<LocalRuntime> = noRuntime) =>
  new SharedApi({ stateDir, log: () => {}, createRuntime, closingTimeoutMs: 2000 });

async function titlesIn(stateDir: string): Promise<string[]> {
  return (await new StateFile(stateDir).load()).kv.namespaces.map(({ title }) => title);
}

for (const [how, take] of Object.entries(TAKEN)) {
  test(`a directory that is ${how} before any file operation of a change: what is acknowledged is kept`, async (t) => {
    const folder = await temporaryFolder(t);
    let acknowledged = 0;
    for (let nth = 1; ; nth++) {
      const [path, aside] = [join(folder, `${nth}`), join(folder, `${nth}-aside`)];
      const api = open(path);
      await api.send(create('first'), false);
      const change = async () => void (await api.send(create('second'), false));
      const { reached, outcome } = await beforeNth(nth, () => take(path, aside), change);
      if (outcome !== undefined) {
        assert.ok(outcome instanceof SidecarError, String((outcome as Error).stack));
        assert.ok(TOLD.includes(outcome.code), `${nth}: ${outcome.code}: ${outcome.message}`);
      }
      const kept = [path, aside].filter(existsSync);
      if (outcome === undefined && how !== 'deleted') {
        acknowledged += 1;
        const titles = await Promise.all(kept.map(titlesIn));
        assert.ok(
          titles.some((list) => list.includes('second')),
          `${how} at ${nth}: ${titles}`,
        );
      }
      if (how === 'deleted' && reached) assert.deepEqual(kept, [], `${nth}: it is not made again`);
      await api.close();
      // The one who owned it is rid of it, and whoever comes next has it to himself.
      const next = open(existsSync(aside) ? aside : path);
      assert.equal((await next.send(create('third'), false)).status, 200);
      assert.equal(await next.isOwner(), true, `${nth}`);
      await next.close();
      if (!reached) break;
    }
    assert.ok(acknowledged > 0 || how === 'deleted');
  });
}

test('a former owner in the middle of a change does not write over the state of the next one', async (t) => {
  const folder = await temporaryFolder(t);
  const tooLate: string[] = [];
  for (let nth = 1; ; nth++) {
    const path = join(folder, `${nth}`);
    const api = open(path);
    await api.send(create('first'), false);
    let operation = '';
    const take = (name: string) => {
      operation = name;
      linkSync(join(path, 'lock', 'owner.1'), join(path, 'lock', 'owner.2'));
      writeFileSync(join(path, 'state.jsonl'), 'of the next owner');
    };
    const { reached, outcome } = await beforeNth(nth, take, async () => {
      await api.send(create('second'), false);
    });
    const isKept = readFileSync(join(path, 'state.jsonl'), 'utf8') === 'of the next owner';
    if (reached && !isKept) tooLate.push(operation);
    if (reached && !isKept) assert.notEqual(outcome, undefined, `${operation}: it is not acknowledged`);
    await api.close();
    if (!reached) break;
  }
  // Between the last look and the rename itself lies nothing else.
  assert.deepEqual(tooLate, ['rename']);
});

test('a moved directory is told once, by whichever call comes first, and then its path is used anew', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'state');
  const [owner, sharer] = [open(path), open(path)];
  await owner.send(create('first'), false);
  await sharer.send(create('second'), false);
  assert.equal(await sharer.isOwner(), false);
  renameSync(path, join(folder, 'aside'));
  for (const api of [sharer, owner]) {
    await assert.rejects(api.send(create('third'), false), (error: SidecarError) => {
      assert.equal(error.code, 'state-moved');
      assert.ok(error.message.includes(path), error.message);
      return true;
    });
  }
  assert.equal(existsSync(path), false, 'no call made it anew');
  for (const api of [sharer, owner])
    assert.equal((await api.send(create(`${api === owner}`), false)).status, 200);
  assert.deepEqual((await titlesIn(path)).sort(), ['false', 'true']);
  await Promise.all([owner.close(), sharer.close()]);
  assert.deepEqual(await titlesIn(join(folder, 'aside')), ['first', 'second']);
});

test('a copy of a directory in use is a directory of its own', async (t) => {
  const folder = await temporaryFolder(t);
  const [path, copy] = [join(folder, 'state'), join(folder, 'copy')];
  const original = open(path);
  await original.send(create('both'), false);
  cpSync(path, copy, { recursive: true, filter: (name) => !/\/run\//.test(name) });
  const other = open(copy);
  await other.send(create('copy alone'), false);
  assert.equal(await other.isOwner(), true);
  await original.send(create('original alone'), false);
  assert.deepEqual(await titlesIn(path), ['both', 'original alone']);
  assert.deepEqual(await titlesIn(copy), ['both', 'copy alone']);
  await Promise.all([original.close(), other.close()]);
});

test('while workerd runs, an owner that lost its directory ends it without being asked', async (t) => {
  for (const [how, take] of Object.entries(TAKEN)) {
    const folder = await temporaryFolder(t);
    const [path, aside] = [join(folder, 'state'), join(folder, 'aside')];
    let isClosed = false;
    const close = async () => {
      isClosed = true;
    };
    const runtime = { ...storing(), close };
    const log: string[] = [];
    const api = new SharedApi({
      stateDir: path,
      log: (line) => log.push(line),
      createRuntime: async () => runtime,
      watchIntervalMs: 5,
    });
    await put(api, await namespace(api), 'key');
    take(path, aside);
    await until(`the end of what runs, ${how}`, () => isClosed);
    assert.ok(
      log.some((line) => line.includes(path)),
      how,
    );
    await api.close();
  }
});

test('no write of KV or R2 is begun, or acknowledged, when the directory went', async (t) => {
  const folder = await temporaryFolder(t);
  for (const when of ['before', 'while its body comes', 'during'] as const) {
    const path = join(folder, when);
    let isMoved = false;
    const move = () => {
      renameSync(path, `${path}-aside`);
      isMoved = true;
    };
    const written: string[] = [];
    const api = open(path, async () =>
      storing(async (key) => {
        if (when === 'during' && key === 'second') move();
        written.push(key);
      }),
    );
    const id = await namespace(api);
    await put(api, id, 'first');
    if (when === 'before') move();
    const onBody = when === 'while its body comes' ? move : undefined;
    await assert.rejects(put(api, id, 'second', onBody), (error: SidecarError) => {
      assert.equal(error.code, when === 'during' ? 'indeterminate' : 'state-moved');
      return true;
    });
    assert.ok(isMoved);
    assert.deepEqual(written, when === 'during' ? ['first', 'second'] : ['first'], when);
    await api.close();
  }
});

async function namespace(api: SharedApi): Promise<string> {
  const response = await api.send(create('namespace'), false);
  return ((await response.json()) as { result: { id: string } }).result.id;
}

async function put(api: SharedApi, id: string, key: string, onBody = () => {}): Promise<void> {
  const url = `http://local/client/v4/accounts/x/storage/kv/namespaces/${id}/values/${key}`;
  const body = () =>
    new ReadableStream(
      {
        pull(controller) {
          onBody();
          controller.enqueue(new TextEncoder().encode('value'));
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
  const make = () => new Request(url, { method: 'PUT', body: body(), duplex: 'half' });
  const response = await api.send(make, true);
  assert.equal(response.status, 200);
}

/** A storage that only tells what it is to store. */
function storing(store: (key: string) => Promise<void> = async () => {}): LocalRuntime {
  const kv = { put: (_: string, key: string) => store(key), get: async () => undefined };
  return { kv, r2: {}, pids: [], close: async () => {}, onTrace: () => () => {} } as unknown as LocalRuntime;
}
