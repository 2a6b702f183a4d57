// Tails whose consumer is not there, throws, leaves or never comes back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TauriSidecar } from '../../bridge/index.js';
import { buildLibrary } from '../support/fault-library.js';
import { record, scaled } from '../support/figures.js';
import { HANG_MS, until } from '../support/until.js';

const CLI = 'test/support/fault-cli.ts';
const { library, pathOf } = await buildLibrary([CLI]);
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const GOAL_MIB = 32;

async function withSidecar(use: (sidecar: TauriSidecar, faults: Error[]) => Promise<void>): Promise<void> {
  const sidecar = new library.TauriSidecar({ cliPath: pathOf(CLI), account: 'local', startTimeout: HANG_MS });
  const faults: Error[] = [];
  sidecar.on('ipc-error', (error) => faults.push(error));
  try {
    await sidecar.start();
    await use(sidecar, faults);
  } finally {
    await sidecar.stop();
  }
}

/** @returns by how many MiB the memory of this process, its worker thread included, grew at the most */
async function growthOf(work: () => Promise<void>): Promise<number> {
  collectGarbage();
  const rss = () => process.memoryUsage.rss() / 1024 / 1024;
  const before = rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, rss());
  }, 10);
  await work().finally(() => clearInterval(timer));
  return Math.max(most, rss()) - before;
}

const lines = scaled(1_000_000);
const flood = { workerName: `flood-${lines}` };

function tell(consumer: string, growthMiB: number, delivered: number, dropped: number): void {
  record({
    test: `${lines} lines, a consumer that ${consumer}`,
    goal: `RSS + <= ${GOAL_MIB} MiB, every line delivered or counted`,
    reached: `+ ${growthMiB.toFixed(1)} MiB; ${delivered} delivered + ${dropped} dropped`,
  });
  assert.equal(delivered + dropped, lines);
  assert.ok(growthMiB <= 5 * GOAL_MIB, `${growthMiB} MiB`);
}

test('a tail that nobody reads holds bounded memory, and counts what it dropped', async () => {
  await withSidecar(async (sidecar) => {
    const tail = sidecar.tailLogs(flood);
    let delivered = 0;
    const growth = await growthOf(async () => {
      await tail.ready;
      // The CLI pours all of it out, whoever reads, and answers meanwhile.
      for (let i = 0; i < scaled(5000); i++) await sidecar.call('system.ping');
    });
    for await (const _ of tail) delivered++;
    tell('is absent', growth, delivered, tail.dropped);
  });
});

test('a remote tail whose callback always throws goes on, and each throw is told', async () => {
  await withSidecar(async (sidecar, faults) => {
    let delivered = 0;
    let dropped = 0;
    let batches = 0;
    const growth = await growthOf(async () => {
      const { closed } = await sidecar.remote.tail(flood, (batch) => {
        batches++;
        delivered += batch.events.length;
        dropped += batch.dropped;
        throw new Error('a defect of the consumer');
      });
      const end = await closed;
      dropped += end.dropped;
    });
    tell('throws', growth, delivered, dropped);
    // They come another way than the end does.
    await until('the fault of each batch', () => faults.length >= batches);
    assert.equal(faults.length, batches);
    assert.match(String(faults[0]), /a defect of the consumer/);
    assert.equal((await sidecar.call('system.ping')).pong, true);
  });
});

test('a remote tail whose callback never comes back holds bounded memory, and stop() ends it', async () => {
  let closed: Promise<{ reason: string }> | undefined;
  let growth = 0;
  await withSidecar(async (sidecar) => {
    growth = await growthOf(async () => {
      ({ closed } = await sidecar.remote.tail(flood, () => new Promise(() => {})));
      for (let i = 0; i < scaled(5000); i++) await sidecar.call('system.ping');
    });
  });
  await closed;
  record({
    test: `${lines} lines, a consumer that never comes back`,
    goal: `RSS + <= ${GOAL_MIB} MiB`,
    reached: `+ ${growth.toFixed(1)} MiB; closed by stop()`,
  });
  assert.ok(growth <= 5 * GOAL_MIB, `${growth} MiB`);
});

test('loops over tails that are left or throw end their tails, and leave nothing behind', async () => {
  const count = scaled(5000);
  await withSidecar(async (sidecar) => {
    const leave = async (i: number) => {
      const tail = sidecar.tailLogs({ workerName: 'steady' });
      const read = async () => {
        for await (const _ of tail) {
          if (i % 2 === 0) break;
          throw new Error('a defect of the consumer');
        }
      };
      await read().catch((error: Error) => assert.equal(error.message, 'a defect of the consumer'));
    };
    // The server refuses the 101st tail that is open.
    for (let i = 0; i < 200; i++) await leave(i);
    const growth = await growthOf(async () => {
      for (let i = 0; i < count; i++) await leave(i);
    });
    const last = sidecar.tailLogs({ workerName: 'steady' });
    await last.ready;
    last.stop();
    record({
      test: `${count} loops over tails that are left or throw`,
      goal: `RSS + <= ${GOAL_MIB} MiB, no tail left open`,
      reached: `+ ${growth.toFixed(1)} MiB, none`,
    });
    assert.ok(growth <= 5 * GOAL_MIB, `${growth} MiB`);
  });
});
