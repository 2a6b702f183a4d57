import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type FileIdentity, identify } from '../../../src/accounts/local/file-identity.js';
import { writeRecord } from '../../../src/accounts/local/owner-record.js';
import { SharedApi } from '../../../src/accounts/local/shared-api.js';
import { StateFile } from '../../../src/accounts/local/state-file.js';
import { ownRecord } from '../../../src/accounts/local/workerd/process-record.js';
import { HANG_MS } from '../../support/until.js';
import { noRuntime, temporaryFolder } from './fixture.js';

const script = fileURLToPath(new URL('./owner-process.ts', import.meta.url));
const list = () => new Request('http://local/accounts');

interface Answer {
  owner?: boolean;
  title?: string;
  status?: number;
  error?: string;
  text?: string;
}

class Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(t: TestContext, stateDir: string) {
    this.process = spawn(process.execPath, ['--import', 'tsx', script, stateDir]);
    this.process.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    t.after(() => this.process.kill('SIGKILL'));
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value as string;
  }

  async use(): Promise<Answer> {
    this.process.stdin.write('use\n');
    return JSON.parse(await this.line()) as Answer;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const exited = once(this.process, 'exit');
    this.process.kill(signal);
    await exited;
  }
}

test('of several processes that start at once one owns the directory, and the next one when it is killed', async (t) => {
  const stateDir = await temporaryFolder(t);
  let children = Array.from({ length: 5 }, () => new Child(t, stateDir));
  for (const child of children) assert.equal(await child.line(), 'ready');
  const titles: string[] = [];
  while (children.length > 1) {
    const answers = await Promise.all(children.map((child) => child.use()));
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200),
      [],
    );
    titles.push(...answers.map(({ title }) => title ?? ''));
    const owners = children.filter((_, index) => answers[index]?.owner);
    assert.equal(owners.length, 1, 'exactly one owner');
    await owners[0]?.kill('SIGKILL');
    children = children.filter((child) => child !== owners[0]);
  }
  // The last one takes over, and everything that any of them was told to be done is there.
  assert.equal((await children[0]?.use())?.owner, true);
  children[0]?.process.stdin.end();
  await once(children[0]?.process as ChildProcessWithoutNullStreams, 'exit');
  const stored = (await new StateFile(stateDir).load()).kv.namespaces.map(({ title }) => title);
  assert.deepEqual(
    titles.filter((title) => !stored.includes(title)),
    [],
  );
  assert.deepEqual((await readdir(stateDir)).includes('run'), false, 'no socket is left');
  assert.equal((await readdir(join(stateDir, 'lock'))).length, 1);
});

test('ownership passes on at every close, over many rounds of many contenders', async (t) => {
  const stateDir = await temporaryFolder(t);
  const open = () => new SharedApi({ stateDir, log: () => {}, createRuntime: noRuntime });
  let contenders = Array.from({ length: 12 }, open);
  t.after(() => Promise.all(contenders.map((api) => api.close())));
  while (contenders.length > 0) {
    const sent = contenders.map((api) => api.send(list, true));
    for (const response of await Promise.all(sent)) assert.equal(response.status, 200);
    const owners: SharedApi[] = [];
    for (const api of contenders) if (await api.isOwner()) owners.push(api);
    assert.equal(owners.length, 1);
    const [owner] = owners as [SharedApi];
    contenders = contenders.filter((api) => api !== owner);
    // The others ask while the owner is closing.
    const meanwhile = contenders.map((api) => api.send(list, true));
    await owner.close();
    await owner.close();
    for (const response of await Promise.all(meanwhile)) assert.equal(response.status, 200);
  }
  assert.equal((await readdir(stateDir)).includes('run'), false, 'no socket is left');
});

test('an owner that lives and whose socket is mute or gone is named, and nobody takes it over', async (t) => {
  for (const isMute of [true, false]) {
    const stateDir = await temporaryFolder(t);
    const socketPath = join(stateDir, 'run', 's-0123456789abcdef');
    await mkdir(join(stateDir, 'lock'), { mode: 0o700 });
    await mkdir(join(stateDir, 'run'), { mode: 0o700 });
    if (isMute) await listenMutely(t, socketPath);
    const directory = (await identify(stateDir)) as FileIdentity;
    const identity = { id: '0'.repeat(32), directory, process: await ownRecord() };
    await writeFile(join(stateDir, 'lock', 'owner.7'), writeRecord(identity, socketPath));
    const api = new SharedApi({
      stateDir,
      log: () => {},
      createRuntime: noRuntime,
      ownerTimeoutMs: 200,
      closingTimeoutMs: 50,
    });
    await assert.rejects(api.send(list, true), (error: { code: string; message: string; data: object }) => {
      assert.equal(error.code, 'state-locked');
      assert.match(error.message, new RegExp(String(process.pid)));
      assert.match(error.message, new RegExp(stateDir));
      return true;
    });
    await api.close();
    assert.deepEqual(await readdir(join(stateDir, 'lock')), ['owner.7']);
  }
});

async function listenMutely(t: TestContext, path: string): Promise<void> {
  const mute = createServer(() => {}).listen(path);
  await once(mute, 'listening');
  t.after(() => mute.close());
}

test('a stopped owner is named too, and its sharers go on when it continues', async (t) => {
  const stateDir = await temporaryFolder(t);
  const child = new Child(t, stateDir);
  assert.equal(await child.line(), 'ready');
  assert.equal((await child.use()).owner, true);
  const sharer = (ownerTimeoutMs: number) =>
    new SharedApi({ stateDir, log: () => {}, createRuntime: noRuntime, ownerTimeoutMs });
  // What waits for a living one waits as long as its machine needs.
  const [api, hasty] = [sharer(HANG_MS), sharer(500)];
  assert.equal((await api.send(list, true)).status, 200);
  child.process.kill('SIGSTOP');
  await assert.rejects(hasty.send(list, true), { code: 'state-locked' });
  const waiting = api.send(list, true);
  child.process.kill('SIGCONT');
  assert.equal((await waiting).status, 200);
  assert.equal((await api.send(list, true)).status, 200);
  assert.equal(await api.isOwner(), false);
  await Promise.all([api.close(), hasty.close()]);
});

test('a lock left by a dead process, and one that is damaged, are taken over', async (t) => {
  for (const content of [JSON.stringify({ socketPath: '/nowhere/s', pid: 1, startedAt: '' }), 'torn', '']) {
    const stateDir = await temporaryFolder(t);
    await mkdir(join(stateDir, 'lock'));
    await writeFile(join(stateDir, 'lock', 'owner.3'), content);
    const api = new SharedApi({ stateDir, log: () => {}, createRuntime: noRuntime });
    assert.equal((await api.send(list, true)).status, 200);
    assert.equal(await api.isOwner(), true);
    assert.deepEqual(await readdir(join(stateDir, 'lock')), ['owner.4']);
    await api.close();
  }
});

test('a state directory with a very long path works', async (t) => {
  const stateDir = join(await temporaryFolder(t), 'a'.repeat(120));
  const first = new SharedApi({ stateDir, log: () => {}, createRuntime: noRuntime });
  const second = new SharedApi({ stateDir, log: () => {}, createRuntime: noRuntime });
  assert.equal((await first.send(list, true)).status, 200);
  assert.equal((await second.send(list, true)).status, 200);
  assert.equal(await second.isOwner(), false);
  await second.close();
  await first.close();
});

test('a folder that cannot be made is a file-error at once', {
  skip: process.platform !== 'linux',
}, async () => {
  // Below /proc Node's recursive mkdir never settles.
  for (const stateDir of ['/proc/nope', '/proc/nope/deeper', '/dev/null/below']) {
    const api = new SharedApi({ stateDir, log: () => {}, createRuntime: noRuntime });
    await assert.rejects(api.send(list, true), (error: { code: string; data: { path: string } }) => {
      assert.equal(error.code, 'file-error');
      assert.equal(error.data.path, stateDir);
      return true;
    });
    await api.close();
  }
});
