import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { isStopped, processActivity } from '../../worker/process-activity.js';
import { until } from '../support/until.js';

const linuxOnly = { skip: process.platform !== 'linux' && 'only Linux tells' };

test('a process is seen to wait, to be stopped, to work and to be gone', linuxOnly, async (t) => {
  const busy = spawn(process.execPath, ['-e', 'process.stdin.once("data", () => { for (;;); })'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  t.after(() => busy.kill('SIGKILL'));
  const pid = busy.pid as number;
  const is = (state: string) => async () => (await processActivity(pid))?.state === state;
  await until('it waits', is('waiting'));
  busy.kill('SIGSTOP');
  await until('it is stopped', is('stopped'));
  busy.kill('SIGCONT');
  const before = await processActivity(pid);
  busy.stdin.write('x');
  await until('it works', async () => {
    const now = await processActivity(pid);
    return (now?.cpuTicks ?? 0) > (before?.cpuTicks ?? 0) + 5 && now?.state === 'running';
  });
  busy.kill('SIGKILL');
  await once(busy, 'exit');
  assert.equal(await processActivity(pid), undefined);
});

test('ps tells a stopped process too', { skip: process.platform === 'win32' }, async (t) => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  assert.equal(await isStopped(child.pid as number), false);
  child.kill('SIGSTOP');
  await until('it is stopped', () => isStopped(child.pid as number));
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  assert.equal(await isStopped(child.pid as number), false);
});
