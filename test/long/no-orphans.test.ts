import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { after, describe, it } from 'node:test';
import { ROOT } from '../support/built.js';
import { record, scaled } from '../support/figures.js';
import { descendantsOf, type ProcessInfo, untilGone, zombieChildrenOf } from '../support/process-tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { writeWorkerProject } from '../support/worker-project.js';

const GOAL_MS = 2_000;
const folder = temporaryFolder();
const sockets = join(folder, 's');
mkdirSync(sockets);
const project = writeWorkerProject(join(folder, 'project'));
const hosts = new Set<ChildProcess>();
after(() => {
  for (const host of hosts) host.kill('SIGKILL');
});

interface Tree {
  host: ChildProcess;
  lines: Interface;
  cli: ProcessInfo;
  reapers: ProcessInfo[];
  /** Of host, CLI, reapers, workerd. */
  pids: number[];
}

/** Two trees may run at a time, each with a state directory of its own. */
async function startTree(lane: number): Promise<Tree> {
  const host = spawn(
    process.execPath,
    [join(ROOT, 'test/long/host.mjs'), join(folder, `state${lane}`), project],
    { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, TMPDIR: sockets } },
  );
  hosts.add(host);
  host.once('exit', () => hosts.delete(host));
  const lines = createInterface({ input: host.stdout as NonNullable<typeof host.stdout> });
  assert.deepEqual(await once(lines, 'line'), ['ready']);
  const tree = descendantsOf(host.pid as number);
  const cli = tree.find(({ command }) => / ipc( |$)/.test(command));
  const reapers = tree.filter(({ command }) => command.startsWith('/bin/sh -c'));
  assert.ok(cli);
  // Workers and storage, each of them with its shell.
  assert.equal(reapers.length, 2);
  assert.equal(tree.filter(({ command }) => /^\S+workerd serve/.test(command)).length, 2);
  return { host, lines, cli, reapers, pids: [host.pid as number, ...tree.map(({ pid }) => pid)] };
}

/** Kills `victims` of a running tree at once. @returns the milliseconds until none of those that must go lived */
async function kill(
  tree: Tree,
  victims: readonly number[],
  mustGo: readonly number[] = tree.pids,
): Promise<number> {
  const startedAt = performance.now();
  for (const pid of victims) process.kill(pid, 'SIGKILL');
  await untilGone(mustGo);
  const elapsedMs = performance.now() - startedAt;
  tree.host.kill('SIGKILL');
  await untilGone(tree.pids);
  return elapsedMs;
}

const pidsOf = (processes: readonly ProcessInfo[]) => processes.map(({ pid }) => pid);

const KINDS: Record<string, (tree: Tree) => Promise<number>> = {
  host: (tree) => kill(tree, [tree.host.pid as number]),
  // The host lives on, and starts another CLI after a while.
  CLI: (tree) => kill(tree, [tree.cli.pid], tree.pids.slice(1)),
  reapers: (tree) =>
    kill(
      tree,
      pidsOf(tree.reapers),
      tree.pids.filter((pid) => pid !== tree.host.pid && pid !== tree.cli.pid),
    ),
  'CLI and reapers': (tree) => kill(tree, [tree.cli.pid, ...pidsOf(tree.reapers)], tree.pids.slice(1)),
  'host, CLI and reapers': (tree) =>
    kill(tree, [tree.host.pid as number, tree.cli.pid, ...pidsOf(tree.reapers)]),
};

/** Two at a time. @returns the result of each */
async function inTwoLanes<T>(count: number, task: (lane: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let started = 0;
  const run = async (lane: number) => {
    while (started++ < count) results.push(await task(lane));
  };
  await Promise.all([run(1), run(2)]);
  return results;
}

const linuxOnly = { skip: process.platform !== 'linux' && 'reads /proc, and needs parent-death signals' };

describe('SIGKILL leaves no live process, with real workerd running', linuxOnly, () => {
  for (const [victims, ending] of Object.entries(KINDS)) {
    it(`of ${victims}`, async () => {
      const times = await inTwoLanes(scaled(50), async (lane) => ending(await startTree(lane)));
      const slowestMs = Math.round(Math.max(...times));
      record({
        test: `SIGKILL of ${victims}, workerd running, ${times.length} times`,
        goal: `0 live processes after ${GOAL_MS} ms`,
        reached: `${times.filter((ms) => ms > GOAL_MS).length} live, all gone after ${slowestMs} ms`,
      });
    });
  }

  it('and an orderly start and stop after that leaves no zombie, no socket and no folder', async () => {
    const zombies = await inTwoLanes(2, async (lane) => {
      const { host, lines, pids } = await startTree(lane);
      const stopped = once(lines, 'line');
      host.stdin?.write('stop\n');
      assert.deepEqual(await stopped, ['stopped']);
      await untilGone(pids.slice(1));
      const left = zombieChildrenOf(pids);
      host.kill('SIGKILL');
      await untilGone(pids);
      return left;
    });
    assert.deepEqual(zombies.flat(), []);
    assert.deepEqual(readdirSync(sockets), []);
    const states = [1, 2].flatMap((lane) =>
      readdirSync(join(folder, `state${lane}`), { recursive: true, encoding: 'utf8' }),
    );
    assert.deepEqual(
      states.filter((entry) => /\.(tmp|sock)$|~$|(^|\/)(s-|draft\.)[0-9a-f]+$/.test(entry)),
      [],
    );
    record({
      test: 'orderly stop after all that',
      goal: '0 zombies, 0 stale sockets or folders',
      reached: '0 and 0',
    });
  });
});
