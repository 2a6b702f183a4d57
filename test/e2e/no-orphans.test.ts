import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ROOT } from '../support/built.js';
import { descendantsOf, untilGone } from '../support/process-tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { writeWorkerProject } from '../support/worker-project.js';

const folder = temporaryFolder();
const project = writeWorkerProject(join(folder, 'project'));
const hosts: ChildProcess[] = [];
after(() => {
  for (const host of hosts) host.kill('SIGKILL');
});

/** A host with a deployed Worker, its CLI and workerd running, and the pids of the whole tree. */
async function startHost(ending: string): Promise<{ host: ChildProcess; pids: number[] }> {
  const host = spawn(
    process.execPath,
    [join(ROOT, 'test/e2e/host.mjs'), join(folder, 'state'), project, ending],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  );
  hosts.push(host);
  const [line] = (await once(host.stdout as NonNullable<typeof host.stdout>, 'data')) as [Buffer];
  assert.match(line.toString(), /^ready \d+/);
  const tree = descendantsOf(host.pid as number);
  assert.ok(tree.some(({ command }) => command.includes('workerd')));
  return { host, pids: [host.pid as number, ...tree.map(({ pid }) => pid)] };
}

describe('no process outlives its host', () => {
  for (const ending of ['exit', 'throw', 'stop']) {
    it(`when the host ends by ${ending}`, async () => {
      const { host, pids } = await startHost(ending);
      host.stdin?.write('now\n');
      await once(host, 'exit');
      await untilGone(pids);
    });
  }

  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    it(`when the host ends by ${signal}`, async () => {
      const { host, pids } = await startHost('wait');
      host.kill(signal);
      await once(host, 'exit');
      await untilGone(pids);
    });
  }

  it('when the CLI and the host are killed together', async () => {
    const { host, pids } = await startHost('wait');
    const cli = descendantsOf(host.pid as number).find(({ command }) => command.includes('ipc'));
    process.kill(cli?.pid as number, 'SIGKILL');
    host.kill('SIGKILL');
    await once(host, 'exit');
    await untilGone(pids);
  });

  it('and the state is whole afterwards, with no socket or temporary file piling up', async () => {
    const { host, pids } = await startHost('stop');
    const entries = readdirSync(join(folder, 'state'), { recursive: true, encoding: 'utf8' });
    assert.deepEqual(
      entries.filter((entry) => /\.(tmp|sock)$|~$/.test(entry)),
      [],
    );
    host.stdin?.write('now\n');
    await once(host, 'exit');
    await untilGone(pids);
  });
});
