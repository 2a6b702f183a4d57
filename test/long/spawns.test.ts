// Every spawn failing in turn: of the CLI, and by the local account of workerd, its reaper and what is asked beforehand.
import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setEnvironmentData } from 'node:worker_threads';
import type { TauriSidecar } from '../../bridge/index.js';
import { SidecarError } from '../../src/protocol/index.js';
import { failNthSpawn, SPAWN_ERRNOS } from '../support/failing-spawns.js';
import { buildLibrary } from '../support/fault-library.js';
import type { FailingSpawn } from '../support/fault-worker.js';
import { record, sampled } from '../support/figures.js';
import { openAccount, outcomeOf } from '../support/local-use.js';
import { isRunning } from '../support/process-state.js';
import { descendantsOf } from '../support/process-tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { HANG_MS, until } from '../support/until.js';

const folder = temporaryFolder();
const CLI = 'test/support/fault-cli.ts';
const { library, pathOf } = await buildLibrary([CLI], 'test/support/fault-worker.ts');

/** The spawns 1 to `count`, each with each way to fail. */
function every(count: number): FailingSpawn[] {
  return Array.from({ length: count }, (_, index) => index + 1).flatMap((nth) =>
    SPAWN_ERRNOS.map((errno) => ({ nth, errno })),
  );
}

// --- the CLI, by the worker thread

/** A session of five spawns: a start, two ends of the child, a restart that is asked for, another end. */
const STEPS = ['start', 'end', 'end', 'restart', 'end'] as const;

async function endChild(sidecar: TauriSidecar): Promise<void> {
  const pid = sidecar.pid as number;
  const read = sidecar.call('system.ping', { payload: { unlessPid: pid } });
  const write = sidecar.call('dashboard.createR2Bucket', { name: 'hangs' });
  write.catch(() => undefined);
  await sidecar.call('system.ping');
  process.kill(pid, 'SIGKILL');
  await assert.rejects(write, { code: 'indeterminate' });
  assert.equal((await read).pong, true);
  assert.notEqual(sidecar.pid, pid);
}

/** How one spawn of a session is made to fail. */
interface SpawnFault {
  cliPath: string;
  cwd?: string;
  /** Called before the start, and before the step whose spawn is to fail. */
  atStart?(): void;
  before?(): void;
  /** Called when it has failed. */
  mend?(): void;
}

/** @returns what failed, as it was told */
async function runSession(nth: number, fault: SpawnFault): Promise<Error[]> {
  const { cliPath, cwd = folder } = fault;
  const sidecar = new library.TauriSidecar({
    cliPath,
    cwd,
    account: 'local',
    restartDelay: 1,
    startTimeout: HANG_MS,
  });
  const failures: Error[] = [];
  const pids = new Set<number>();
  sidecar.on('error', () => undefined);
  sidecar.on('restart-failed', (error) => {
    failures.push(error);
    fault.mend?.();
  });
  sidecar.on('started', () => pids.add(sidecar.pid as number));
  fault.atStart?.();
  // The thread is made meanwhile.
  sidecar.once('state-change', () => setImmediate(() => setEnvironmentData('failing-spawn', undefined)));
  try {
    for (const [index, step] of STEPS.entries()) {
      if (index + 1 === nth) fault.before?.();
      if (step === 'end') await endChild(sidecar);
      else {
        await sidecar[step]().catch(async (error) => {
          failures.push(error);
          assert.equal(sidecar.getState(), 'error');
          fault.mend?.();
          await sidecar.start();
        });
      }
      assert.equal((await sidecar.call('system.ping', { payload: step })).payload, step);
    }
  } finally {
    await sidecar.stop();
  }
  for (const pid of pids) await until(`process ${pid} ends`, () => !isRunning(pid));
  assert.equal(pids.size, STEPS.length);
  return failures;
}

/** @returns how many ended in a restart by itself */
async function runAll(
  cases: readonly { nth: number; kind: string; fault: SpawnFault; code: string; says: string }[],
): Promise<number> {
  for (const { nth, kind, fault, code, says } of cases) {
    const what = `spawn ${nth}, ${kind}`;
    const failures = await runSession(nth, fault).catch((cause) => {
      throw new Error(`${what}: ${cause.message}`, { cause });
    });
    assert.equal(failures.length, 1, what);
    const [failure] = failures as [SidecarError];
    assert.equal(failure.code, code, `${what}: ${failure.message}`);
    assert.ok(failure.message.includes(says), `${what}: ${failure.message}`);
  }
  return cases.filter(({ nth }) => STEPS[nth - 1] === 'end').length;
}

test('every spawn of the CLI failing in turn is a typed error or a restart, and no call is lost', async () => {
  const cases = sampled(every(STEPS.length)).map(({ nth, errno }) => ({
    nth,
    kind: errno,
    fault: {
      cliPath: pathOf(CLI),
      // For the first thread alone: one that takes its place would begin to count anew.
      atStart: () => setEnvironmentData('failing-spawn', { nth, errno } satisfies FailingSpawn),
    },
    // A child without pipes is more than execa bears: its error ends the thread, and the next thread works.
    code: errno === 'EMFILE' ? 'worker-thread-failed' : 'start-failed',
    says: errno,
  }));
  const restarts = await runAll(cases);
  record({
    test: `every Nth spawn of the CLI failing in turn, ${cases.length}: ${SPAWN_ERRNOS.join(', ')}`,
    goal: 'a typed error or a recovery each',
    reached: `${cases.length - restarts} typed errors, ${restarts} recoveries, 0 hung`,
  });
});

/** A CLI that can be broken in the ways that happen, and mended: a program of its own, and a folder to run in. */
function breakableCli() {
  const cliPath = join(folder, 'breakable');
  const cwd = join(folder, 'cwd');
  const fault = { cliPath, cwd };
  writeFileSync(cliPath, `#!/bin/sh\nexec ${process.execPath} ${pathOf(CLI)} "$@"\n`, { mode: 0o755 });
  mkdirSync(cwd);
  let writing = 0;
  return {
    removed: {
      ...fault,
      before: () => renameSync(cliPath, `${cliPath}~`),
      mend: () => renameSync(`${cliPath}~`, cliPath),
      says: cliPath,
    },
    'not executable': {
      ...fault,
      before: () => chmodSync(cliPath, 0o644),
      mend: () => chmodSync(cliPath, 0o755),
      says: cliPath,
    },
    'being written': {
      ...fault,
      before: () => {
        writing = openSync(cliPath, 'r+');
      },
      mend: () => closeSync(writing),
      says: 'ETXTBSY',
    },
    'in a folder that is gone': {
      ...fault,
      before: () => rmdirSync(cwd),
      mend: () => mkdirSync(cwd),
      says: cwd,
    },
  };
}

test('a CLI that is broken for one spawn, whichever, is a typed error or a restart', async () => {
  const kinds = Object.entries(breakableCli());
  const cases = sampled(
    STEPS.flatMap((_, index) =>
      kinds.map(([kind, { says, ...fault }]) => ({
        nth: index + 1,
        kind,
        fault,
        code: 'start-failed',
        says,
      })),
    ),
  );
  const restarts = await runAll(cases);
  record({
    test: `every Nth spawn of a CLI that is ${kinds.map(([kind]) => kind).join(', ')}, ${cases.length}`,
    goal: 'a typed error or a recovery each',
    reached: `${cases.length - restarts} typed errors, ${restarts} recoveries, 0 hung`,
  });
});

// --- workerd, by the local account

test('every spawn of the local account failing in turn is a typed error or a recovery, and nothing is left running', async () => {
  const dry = failNthSpawn(0, 'EAGAIN');
  const first = await openAccount(join(folder, 'dry'));
  await first.use('a').finally(dry.restore);
  await first.close();
  // The version of workerd, setpriv, storage, the Worker.
  assert.ok(dry.spawned.length >= 4, dry.spawned.join(' '));
  const cases = sampled(every(dry.spawned.length));
  const outcomes = { errors: 0, recoveries: 0 };
  for (const { nth, errno } of cases) {
    const what = `spawn ${nth} (${dry.spawned[nth - 1]}), ${errno}`;
    const stateDir = join(folder, `${nth}-${errno}`);
    const before = await openAccount(stateDir);
    await before.use('kept');
    await before.close();
    const account = await openAccount(stateDir);
    const failing = failNthSpawn(nth, errno);
    const outcome = await outcomeOf(account.use('new')).finally(failing.restore);
    assert.ok(failing.spawned.length >= nth, what);
    if (outcome === undefined) outcomes.recoveries++;
    else {
      outcomes.errors++;
      assert.ok(outcome instanceof SidecarError, `${what}: ${(outcome as Error).stack}`);
      assert.ok(
        ['workerd-failed', 'workerd-missing', 'file-error'].includes(outcome.code),
        `${what}: ${outcome.message}`,
      );
      assert.ok(outcome.message.includes(errno), `${what}: ${outcome.message}`);
      // Nothing needs to be opened anew, and what there was is there.
      assert.ok(['kept', 'new'].includes(await account.read()), what);
      await account.use('after');
    }
    await account.close();
  }
  assert.deepEqual(
    descendantsOf(process.pid).filter(({ command }) => /workerd|\/bin\/sh/.test(command)),
    [],
  );
  assert.deepEqual(
    readdirSync(process.env.XDG_RUNTIME_DIR ?? tmpdir()).filter((name) => /^ff-[0-9a-f]{8}-/.test(name)),
    [],
  );
  record({
    test: `every Nth spawn of the local account failing in turn, ${cases.length}: ${SPAWN_ERRNOS.join(', ')}`,
    goal: 'a typed error or a recovery each',
    reached: `${outcomes.errors} typed errors, ${outcomes.recoveries} recoveries, 0 lost, 0 processes left`,
  });
});
