import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findWorkerd } from '../../../../src/accounts/local/workerd/index.js';
import { findSetpriv } from '../../../../src/accounts/local/workerd/parent-death.js';
import { fixture, invokeText, isAlive, until, worker } from './runtime-fixture.js';

const linuxOnly = { skip: process.platform !== 'linux' && 'reads /proc' };
const kvBinding = [{ type: 'kv_namespace' as const, name: 'KV', namespace_id: 'a'.repeat(32) }];

/** The fields of a process's stat line from its state on; the name before them may hold spaces. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function parentOf(pid: number): number {
  return Number(statFields(pid)[1]);
}

/** A host process with a Worker and storage running, and their pids. */
async function startHost(context: TestContext, ...args: string[]) {
  const script = fileURLToPath(new URL('./host.ts', import.meta.url));
  const host = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  context.after(() => host.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: host.stdout }), 'line')) as [string];
  return { host, pids: JSON.parse(line) as number[] };
}

test('SIGKILL of the host leaves no process and no socket', async (context) => {
  const { stateDir, socketDir } = await fixture(context);
  const { host, pids } = await startHost(context, stateDir, socketDir);
  assert.equal(pids.length, 2);
  const shells = process.platform === 'linux' ? pids.map(parentOf) : [];
  host.kill('SIGKILL');
  await until('workerd and its shells to be gone', () => ![...pids, ...shells].some(isAlive));
  await until('their folders to be removed', () => readdirSync(socketDir).length === 0);
});

test(
  'when the guarding shell is killed, workerd goes too, and the next use works',
  linuxOnly,
  async (context) => {
    const { runtime } = await fixture(context);
    await runtime.deploy([worker('w', 'export default { fetch: () => new Response("up") };')]);
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const [pid] = runtime.pids as [number];
      process.kill(parentOf(pid), signal);
      await until(`workerd to end after ${signal} of its shell`, () => !isAlive(pid));
      await until('its end to be noticed', () => runtime.pids.length === 0);
      assert.equal(await invokeText(runtime, 'w'), 'up');
    }
  },
);

test(
  'no process holds an inet socket, and workerd knows nothing of the environment',
  linuxOnly,
  async (context) => {
    process.env.CLOUDFLARE_API_TOKEN_FOR_TEST = 'secret';
    context.after(() => {
      delete process.env.CLOUDFLARE_API_TOKEN_FOR_TEST;
    });
    const { runtime } = await fixture(context);
    const script = 'export default { fetch: (r, env) => env.KV.get("k").then((v) => new Response(v)) };';
    runtime.onTrace(() => {});
    await runtime.deploy([worker('w', script, { bindings: kvBinding })]);
    await runtime.kv.put('a'.repeat(32), 'k', Buffer.from('v'));
    assert.equal(await invokeText(runtime, 'w'), 'v');
    const inet = new Set(
      ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) =>
        readFileSync(`/proc/net/${table}`, 'utf8')
          .split('\n')
          .slice(1)
          .map((row) => row.trim().split(/\s+/)[9]),
      ),
    );
    assert.equal(runtime.pids.length, 2);
    for (const pid of [process.pid, ...runtime.pids, ...runtime.pids.map(parentOf)]) {
      const held = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
        try {
          const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
          return inode !== undefined && inet.has(inode) ? [inode] : [];
        } catch {
          return []; // closed meanwhile
        }
      });
      assert.deepEqual(held, [], `inet sockets of process ${pid}`);
    }
    for (const pid of runtime.pids) {
      assert.ok(!readFileSync(`/proc/${pid}/environ`, 'utf8').includes('CLOUDFLARE'));
      assert.ok(!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('secret'));
    }
  },
);

test('generated files are private, and folders of dead processes are removed at start', async (context) => {
  const { runtime, socketDir, open } = await fixture(context);
  const secret = [{ type: 'secret_text' as const, name: 'S', text: 'hidden' }];
  await runtime.deploy([
    worker('w', 'export default { fetch: () => new Response("x") };', { bindings: secret }),
  ]);
  const [name] = readdirSync(socketDir) as [string];
  const folder = join(socketDir, name);
  const modes = (readdirSync(folder, { recursive: true }) as string[])
    .map((file) => statSync(join(folder, file)))
    .filter((stats) => !stats.isSocket())
    .map((stats) => (stats.mode & 0o777).toString(8));
  assert.equal((statSync(folder).mode & 0o777).toString(8), '700');
  assert.deepEqual([...new Set(modes)].sort(), ['600', '700']);
  const ownRecordText = readFileSync(join(folder, 'owner'), 'utf8');
  await runtime.close();

  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  const dead = child.pid as number;
  const { process: own } = JSON.parse(ownRecordText);
  const record = { ...own, pid: dead };
  const leave = (named: string, process?: object, { of = named, file = '' } = {}) => {
    const path = join(socketDir, named);
    mkdirSync(path);
    if (file !== '') writeFileSync(join(path, file), 'precious');
    if (process === undefined) return;
    const { dev, ino } = statSync(join(socketDir, of), { bigint: true });
    const folder = { device: String(dev), inode: String(ino) };
    writeFileSync(join(path, 'owner'), JSON.stringify({ process, folder }));
  };
  const ofSameState = (suffix: string) => `${name.split('-').slice(0, 2).join('-')}-${dead}-${suffix}`;
  leave(ofSameState('proven'), record);
  leave(ofSameState('reboot'), { ...record, bootId: 'another' });
  leave(`ff-00000000-${dead}-proven`, record);
  leave(`ff-00000000-${process.pid}-reused`, { ...record, pid: process.pid, started: '1' });
  leave(`ff-00000000-${dead}-oldone`);
  utimesSync(join(socketDir, `ff-00000000-${dead}-oldone`), 1, 1);
  const stay = {
    [`ff-00000000-${dead}-anewer`]: undefined,
    [`ff-00000000-${process.pid}-living`]: { ...record, pid: process.pid },
    [`ff-00000000-${dead}-faraway`.slice(0, -1)]: { ...record, pidNamespace: 'pid:[1]' },
    [`ff-00000000-${dead}-reboot`]: { ...record, bootId: 'another' },
    [`ff-00000000-${dead}-nonpid`]: { ...record, pid: 1 },
    [`ff-project-${dead}`]: undefined,
  };
  for (const [named, owner] of Object.entries(stay)) leave(named, owner);
  const copied = `ff-00000000-${dead}-copied`;
  leave(copied, record, { of: `ff-project-${dead}` });
  const foreign = `ff-00000000-${dead}-others`;
  leave(foreign, record, { file: 'precious' });
  const second = open();
  await second.kv.list('a'.repeat(32));
  await second.close();
  assert.deepEqual(readdirSync(socketDir).sort(), [...Object.keys(stay), copied, foreign].sort());
  assert.ok(existsSync(join(socketDir, foreign, 'precious')));
});

test('a binary that is missing or does not run is told as workerd-missing', async () => {
  await assert.rejects(findWorkerd({ FLUORITE_FLAKE_WORKERD: '/nonexistent/workerd' }), {
    code: 'workerd-missing',
  });
  await assert.rejects(findWorkerd({ FLUORITE_FLAKE_WORKERD: '/bin/false' }), { code: 'workerd-missing' });
  assert.match((await findWorkerd({})).compatibilityDate, /^\d{4}-\d{2}-\d{2}$/);
});

test('a socket folder with a path too long is refused by its length', async (context) => {
  const { open, folder } = await fixture(context);
  const runtime = open({ socketDir: join(folder, 'x'.repeat(90)) });
  await assert.rejects(runtime.kv.list('a'.repeat(32)), { code: 'invalid-option', message: /too long/ });
});

test('nothing outlives the host and every guarding shell, all killed at once', linuxOnly, async (context) => {
  if ((await findSetpriv()) === undefined) return context.skip('needs setpriv of util-linux');
  const { stateDir, socketDir, open } = await fixture(context);
  const { host, pids } = await startHost(context, stateDir, socketDir);
  const shells = pids.map(parentOf);
  for (const pid of [host.pid as number, ...shells]) process.kill(pid, 'SIGKILL');
  await until('workerd to be gone', () => ![...pids, ...shells].some(isAlive));
  // Nobody was left to remove the folder: the next start does.
  assert.equal(readdirSync(socketDir).length, 1);
  const next = open();
  await next.kv.list('a'.repeat(32));
  assert.equal(readdirSync(socketDir).length, 1);
  await next.close();
  assert.deepEqual(readdirSync(socketDir), []);
});

test(
  "workerd and its shells are in no terminal's reach: sessions of their own",
  linuxOnly,
  async (context) => {
    const { runtime } = await fixture(context);
    await runtime.deploy([worker('w', 'export default { fetch: () => new Response("up") };')]);
    for (const pid of [...runtime.pids, ...runtime.pids.map(parentOf)]) {
      // state, parent, process group, session, terminal
      const [group, session, terminal] = statFields(pid).slice(2, 5);
      assert.deepEqual(
        [group, session, terminal],
        [session, String(parentOf(runtime.pids[0] as number)), '0'],
      );
    }
  },
);

test('a setpriv that cannot send a signal is not used, nor one of a relative PATH', async (context) => {
  const { folder } = await fixture(context);
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', 'setpriv'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  assert.equal(await findSetpriv({ PATH: `bin:${join(folder, 'bin')}:/nonexistent` }, 'linux'), undefined);
  assert.equal(await findSetpriv(process.env, 'darwin'), undefined);
});

test('a host that exits without closing leaves no process and no folder', async (context) => {
  const { stateDir, socketDir } = await fixture(context);
  const { host, pids } = await startHost(context, stateDir, socketDir, 'exit');
  if (host.exitCode === null) await once(host, 'exit');
  await until('workerd to be gone', () => !pids.some(isAlive));
  await until('the folder to be removed', () => readdirSync(socketDir).length === 0);
});
