// The local account's state under SIGKILL, a full disk and failing file operations.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { LocalServices } from '../../src/accounts/local/services.js';
import { emptyState } from '../../src/accounts/local/state.js';
import { StateFile } from '../../src/accounts/local/state-file.js';
import { SidecarError } from '../../src/protocol/index.js';
import { ROOT } from '../support/built.js';
import { failingNth } from '../support/failing-files.js';
import { record, scaled } from '../support/figures.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();
const program = join(folder, 'writer.mjs');
await build({
  absWorkingDir: ROOT,
  entryPoints: ['test/support/state-writer.ts'],
  outfile: program,
  bundle: true,
  platform: 'node',
  format: 'esm',
  banner: { js: "import { createRequire as r_ } from 'node:module'; const require = r_(import.meta.url);" },
});

interface Writer {
  /** Every number it acknowledged, and how it failed. */
  lines: string[];
  /** Ends it by SIGKILL some time after its first line. */
  killAfter(ms: number): Promise<void>;
  ended: Promise<unknown>;
}

function startWriter(stateDir: string, upTo: number, fileSizeLimitKiB?: number): Writer {
  // The limit of a shell is in blocks of 512 bytes or 1 KiB; only that there is one matters.
  const limit = fileSizeLimitKiB === undefined ? '' : `ulimit -f ${fileSizeLimitKiB} && `;
  const child = spawn(
    '/bin/sh',
    ['-c', `${limit}exec "$@"`, 'sh', process.execPath, program, stateDir, String(upTo)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const first = once(reader, 'line');
  return {
    lines,
    ended: Promise.all([once(child, 'close'), once(reader, 'close')]),
    killAfter: async (ms) => {
      await first;
      await delay(ms);
      child.kill('SIGKILL');
    },
  };
}

test('SIGKILL during writes tears no state and loses no acknowledged write', async () => {
  const kills = scaled(300);
  const stateDir = join(folder, 'killed');
  let writes = 0;
  for (let i = 0; i < kills; i++) {
    const writer = startWriter(stateDir, 1_000_000);
    await writer.killAfter(Math.random() * 40);
    await writer.ended;
    const acknowledged = Number(writer.lines.at(-1));
    writes += writer.lines.length - 1;
    const file = new StateFile(stateDir);
    // A torn one would be refused here.
    const r2Buckets = (await file.load()).r2.buckets;
    assert.ok(
      r2Buckets.length === acknowledged || r2Buckets.length === acknowledged + 1,
      `${r2Buckets.length} of ${acknowledged}`,
    );
    assert.ok(r2Buckets.every(({ name }, number) => name === `bucket-${number}`));
    if (acknowledged > 1) assert.ok(await file.loadLastGood());
    // Small states are written often: more writes are cut short.
    if (r2Buckets.length > 200) await file.save(emptyState());
  }
  await new StateFile(stateDir).save(emptyState());
  await new StateFile(stateDir).load();
  const left = readdirSync(stateDir).filter((name) => !/^state(\.last-good)?\.jsonl$/.test(name));
  record({
    test: `SIGKILL during writes of state, ${kills} times, ${writes} writes`,
    goal: '0 torn, 0 lost acknowledged writes',
    reached: `0 torn, 0 lost, ${left.length} temporary files left`,
  });
  assert.deepEqual(left, []);
});

test('a file that may not grow (a full disk cuts writes short in the same way) is an error, and the state before stays', async () => {
  const stateDir = join(folder, 'full');
  const writer = startWriter(stateDir, 1000, 4);
  await writer.ended;
  const [failure, acknowledged] = [writer.lines.at(-1), Number(writer.lines.at(-2))];
  assert.equal(failure, 'failed file-error EFBIG');
  assert.equal((await new StateFile(stateDir).load()).r2.buckets.length, acknowledged);
  const again = startWriter(stateDir, acknowledged + 5);
  await again.ended;
  assert.equal(Number(again.lines.at(-1)), acknowledged + 5);
});

const noRuntime = () => Promise.reject(new Error('no runtime is needed'));
const sole = { assertHeld: async () => {}, confirmHeld: async () => {} };
const bucket = (name: string) => ({ name, createdOn: '2026-01-01T00:00:00.000Z', storageClass: 'Standard' });

async function namesIn(stateDir: string): Promise<string[]> {
  return (await new StateFile(stateDir).load()).r2.buckets.map(({ name }) => name);
}

test('every file operation failing in turn is a typed error or a recovery, and loses nothing written before', async () => {
  const outcomes = { errors: 0, recoveries: 0 };
  for (const errno of ['ENOSPC', 'EIO', 'EACCES']) {
    for (let nth = 1; ; nth++) {
      const stateDir = join(folder, `${errno}-${nth}`);
      const open = () =>
        LocalServices.open({ stateDir, log: () => {}, createRuntime: noRuntime, ownership: sole });
      const add = async (services: LocalServices, name: string) => {
        await services.modules.write(Buffer.from(name));
        await services.change(({ r2 }) => void r2.buckets.push(bucket(name)));
      };
      const before = await open();
      await add(before, 'first');
      await add(before, 'second');
      await before.close();
      const { failed, outcome } = await failingNth(nth, errno, async () => {
        const services = await open();
        await add(services, 'third');
      });
      if (!failed) break;
      const kept = await namesIn(stateDir);
      if (outcome instanceof SidecarError) {
        outcomes.errors++;
        assert.ok(
          ['file-error', 'state-corrupt'].includes(outcome.code),
          `${errno} ${nth}: ${outcome.message}`,
        );
        assert.deepEqual(kept.slice(0, 2), ['first', 'second'], `${errno} ${nth}`);
      } else {
        outcomes.recoveries++;
        assert.equal(outcome, undefined, `${errno} ${nth}: ${outcome}`);
        assert.deepEqual(kept, ['first', 'second', 'third'], `${errno} ${nth}`);
      }
      const after = await open();
      await add(after, 'fourth');
      const names = await namesIn(stateDir);
      assert.deepEqual([names[0], names[1], names.at(-1)], ['first', 'second', 'fourth']);
    }
  }
  record({
    test: 'every Nth file operation of the state failing in turn: ENOSPC, EIO, EACCES',
    goal: 'a typed error or a recovery each',
    reached: `${outcomes.errors} typed errors, ${outcomes.recoveries} recoveries, nothing lost`,
  });
  assert.ok(outcomes.errors > 20);
});
