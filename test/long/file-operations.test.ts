// Every file operation failing in turn: those of ownership, of workerd's private folder and of the stored profile. Those
// of the state itself are in state.test.ts.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findCredentials } from '../../src/accounts/find-credentials.js';
import { LOCAL_ACCOUNT_ID } from '../../src/accounts/local/identity.js';
import { SharedApi } from '../../src/accounts/local/shared-api.js';
import { StateFile } from '../../src/accounts/local/state-file.js';
import { readStoredProfile, removeProfile, storeProfile } from '../../src/accounts/stored-profile.js';
import { SidecarError } from '../../src/protocol/index.js';
import { failingNth } from '../support/failing-files.js';
import { record, sampled } from '../support/figures.js';
import { openAccount } from '../support/local-use.js';
import { descendantsOf } from '../support/process-tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();
const ERRNOS = ['ENOSPC', 'EIO', 'EACCES'] as const;

interface Case {
  nth: number;
  errno: string;
  name: string;
}

/** Every operation of `work`, with each error. */
async function everyOperation(work: () => Promise<void>): Promise<Case[]> {
  const { count } = await failingNth(0, '', work);
  assert.ok(count > 0, `${count} file operations`);
  return ERRNOS.flatMap((errno) =>
    Array.from({ length: count }, (_, index) => ({ nth: index + 1, errno, name: `${errno}-${index + 1}` })),
  );
}

type Run = Awaited<ReturnType<typeof failingNth>>;

/** Counts what became of it, which is an error of the codes that are expected, or nothing. */
class Outcomes {
  errors = 0;
  recoveries = 0;

  add({ failed, outcome }: Run, codes: readonly string[], what: string): void {
    if (!failed) return;
    if (outcome === undefined) {
      this.recoveries++;
      return;
    }
    this.errors++;
    assert.ok(outcome instanceof SidecarError, `${what}: ${(outcome as Error).stack}`);
    assert.ok(codes.includes(outcome.code), `${what}: ${outcome.code}: ${outcome.message}`);
  }

  record(of: string, cases: readonly Case[]): void {
    record({
      test: `every Nth file operation of ${of} failing in turn, ${cases.length}: ${ERRNOS.join(', ')}`,
      goal: 'a typed error or a recovery each',
      reached: `${this.errors} typed errors, ${this.recoveries} recoveries, nothing lost`,
    });
  }
}

// --- ownership

const noRuntime = () => Promise.reject(new Error('no runtime is needed'));

function shared(stateDir: string): { api: SharedApi; create(title: string): Promise<void> } {
  const api = new SharedApi({ stateDir, log: () => {}, createRuntime: noRuntime });
  return {
    api,
    create: async (title) => {
      const body = JSON.stringify({ title });
      const headers = { 'content-type': 'application/json' };
      const url = `http://local/client/v4/accounts/${LOCAL_ACCOUNT_ID}/storage/kv/namespaces`;
      const response = await api.send(() => new Request(url, { method: 'POST', headers, body }), false);
      const { success, errors } = (await response.json()) as { success: boolean; errors: unknown[] };
      if (!success) throw new SidecarError('file-error', JSON.stringify(errors));
    },
  };
}

/** The sockets that are still listened on, or were left. */
const socketsIn = (stateDir: string) => {
  const run = join(stateDir, 'run');
  return existsSync(run) ? readdirSync(run) : [];
};

const titlesIn = async (stateDir: string) =>
  (await new StateFile(stateDir).load()).kv.namespaces.map(({ title }) => title);

test('every file operation of ownership failing in turn is a typed error or a recovery', async () => {
  /** What an owner that was killed leaves: its lock, which nobody listens behind. */
  const prepare = async (stateDir: string) => {
    const first = shared(stateDir);
    await first.create('first');
    await first.api.close();
  };
  const own = (stateDir: string) => async () => {
    const { api, create } = shared(stateDir);
    try {
      await create('second');
    } finally {
      await api.close();
    }
  };
  await prepare(join(folder, 'own'));
  const cases = sampled(await everyOperation(own(join(folder, 'own'))));
  const outcomes = new Outcomes();
  for (const { nth, errno, name } of cases) {
    const stateDir = join(folder, `own-${name}`);
    await prepare(stateDir);
    const run = await failingNth(nth, errno, own(stateDir));
    outcomes.add(run, ['file-error', 'state-corrupt', 'indeterminate'], name);
    const after = shared(stateDir);
    await after.create('third');
    assert.equal(await after.api.isOwner(), true, name);
    // Somebody else works through this owner, while his own operations fail.
    const other = shared(stateDir);
    const shares = async () => {
      await other.create('fourth');
      assert.equal(await other.api.isOwner(), false, name);
    };
    outcomes.add(await failingNth(nth, errno, shares), ['file-error', 'indeterminate'], `${name}, shared`);
    await other.create('fifth');
    await other.api.close();
    await after.api.close();
    const titles = await titlesIn(stateDir);
    assert.deepEqual([titles[0], titles.at(-1)], ['first', 'fifth'], name);
    assert.equal(new Set(titles).size, titles.length, name);
    if (run.outcome === undefined) assert.ok(titles.includes('second'), name);
    const locks = readdirSync(join(stateDir, 'lock')).filter((entry) => !entry.startsWith('draft.'));
    assert.equal(locks.length, 1, `${name}: ${locks}`);
    assert.deepEqual(socketsIn(stateDir), [], name);
  }
  outcomes.record('ownership', cases);
});

// --- workerd's folder, with all that a deploy and a request do

/** The folders of this process's runtimes: removed when these close. */
const runFolders = () =>
  readdirSync(process.env.XDG_RUNTIME_DIR ?? tmpdir()).filter(
    (name) => /^ff-[0-9a-f]{8}-/.test(name) && name.includes(`-${process.pid}-`),
  );

const DEPLOY_ERRORS = ['file-error', 'state-corrupt', 'indeterminate', 'workerd-failed', 'workerd-missing'];

test('every file operation of a deploy failing in turn is a typed error or a recovery, and nothing is left running', async () => {
  const log: string[] = [];
  const use = (stateDir: string, value: string) => async () => {
    const account = await openAccount(stateDir, (line) => log.push(line));
    try {
      await account.use(value);
    } finally {
      await account.close();
    }
  };
  const stateDir = join(folder, 'deploys');
  // What is loaded at the first use is loaded.
  await use(stateDir, 'kept')();
  const cases = sampled(await everyOperation(use(stateDir, 'kept')));
  const outcomes = new Outcomes();
  for (const { nth, errno, name } of cases) {
    const run = await failingNth(nth, errno, use(stateDir, name));
    outcomes.add(run, DEPLOY_ERRORS, name);
    const account = await openAccount(stateDir);
    assert.ok((await account.read()) !== '', name);
    await account.use('kept');
    await account.close();
    // One whose removal is what failed goes when this process ends, and that is said.
    const unsaid = runFolders().filter((entry) => !log.some((line) => line.includes(entry)));
    assert.deepEqual(unsaid, [], name);
  }
  const left = descendantsOf(process.pid).filter(({ command }) => /workerd|\/bin\/sh/.test(command));
  assert.deepEqual(left, []);
  outcomes.record('a deploy and a request, workerd included,', cases);
});

// --- credentials

const noKeychain = {
  name: 'none',
  store: async () => false,
  read: async () => undefined,
  remove: async () => undefined,
};

test('every file operation of the stored profile failing in turn leaves the old one or the new one', async () => {
  const env = { FLUORITE_FLAKE_HOME: join(folder, 'home'), HOME: join(folder, 'home') };
  const path = join(folder, 'home', 'profile.json');
  const tokenIn = async () => (await readStoredProfile(env, noKeychain))?.apiToken;
  const store = (apiToken: string) => async () => void (await storeProfile(env, { apiToken }, noKeychain));
  const outcomes = new Outcomes();
  const all: Case[] = [];
  const failEach = async (
    what: string,
    work: () => Promise<void>,
    check: (run: Run, name: string) => Promise<void>,
  ) => {
    await store('token-old')();
    for (const { nth, errno, name } of sampled(await everyOperation(work))) {
      await store('token-old')();
      const run = await failingNth(nth, errno, work);
      outcomes.add(run, ['file-error', 'credentials-invalid'], `${what}, ${name}`);
      await check(run, `${what}, ${name}`);
      all.push({ nth, errno, name });
    }
  };
  await failEach('store', store('token-new'), async ({ outcome }, name) => {
    const token = await tokenIn();
    // One that could not be flushed after it was in its place is there and told as failed.
    assert.ok(token === 'token-new' || (outcome !== undefined && token === 'token-old'), `${name}: ${token}`);
    assert.deepEqual(readdirSync(join(path, '..')), ['profile.json'], name);
  });
  const remove = async () => void (await removeProfile(env, noKeychain));
  await failEach('remove', remove, async ({ outcome }, name) => {
    assert.equal(await tokenIn(), outcome === undefined ? undefined : 'token-old', name);
  });
  const find = async () => {
    assert.equal((await findCredentials({ env, cwd: folder })).credentials?.apiToken, 'token-old');
  };
  await failEach('read', find, async () => assert.equal(await tokenIn(), 'token-old'));
  outcomes.record('the stored profile', all);
});

test('a login of wrangler that cannot be read is told, and never taken for none', async () => {
  const home = join(folder, 'wrangler');
  const config = join(home, '.wrangler', 'config');
  mkdirSync(config, { recursive: true });
  const later = new Date(Date.now() + 3_600_000).toISOString();
  writeFileSync(
    join(config, 'default.toml'),
    `oauth_token = "from-wrangler"\nexpiration_time = "${later}"\n`,
  );
  const env = { FLUORITE_FLAKE_HOME: home, HOME: home, USERPROFILE: home };
  const find = async () => {
    assert.equal((await findCredentials({ env, cwd: home })).credentials?.apiToken, 'from-wrangler');
  };
  const { count } = await failingNth(0, '', find);
  for (const errno of ['EIO', 'EACCES']) {
    for (let nth = 1; nth <= count; nth++) {
      const { outcome } = await failingNth(nth, errno, find);
      // undefined: the same login was found in spite of it.
      const code = (outcome as SidecarError | undefined)?.code;
      assert.ok(outcome === undefined || code === 'credentials-invalid', `${errno} ${nth}: ${outcome}`);
    }
  }
});
