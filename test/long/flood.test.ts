// A flood of log lines with the host's main thread blocked, in processes of their own so that their memory can be told.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { buildLibrary } from '../support/fault-library.js';
import { judgesTimes, record, scaled } from '../support/figures.js';
import { HANG_MS } from '../support/until.js';

const CLI = 'test/support/fault-cli.ts';
const HOST = 'test/support/flood-host.ts';
const linuxOnly = { skip: process.platform !== 'linux' && 'reads /proc' };

test(
  'a flood with the main thread blocked costs bounded memory, and every line is delivered or counted',
  linuxOnly,
  async () => {
    const { pathOf } = await buildLibrary([CLI, HOST]);
    const lines = scaled(1_000_000);
    const blockMs = scaled(5000);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [pathOf(HOST), pathOf('bridge/index.ts'), pathOf(CLI), String(lines), String(blockMs)],
      { timeout: HANG_MS },
    );
    const { delivered, dropped, endReason, pingMs, growthMiB } = JSON.parse(stdout);
    const [host, cli] = growthMiB as [number, number];
    record({
      test: `${lines} lines with the main thread blocked ${blockMs} ms`,
      goal: 'RSS + <= 32 MiB, exact drop count, ping answered at once afterwards',
      reached: `host + ${host.toFixed(1)}, CLI + ${cli.toFixed(1)} MiB; ${delivered} delivered + ${dropped} dropped; ping ${pingMs.toFixed(1)} ms`,
    });
    assert.equal(delivered + dropped, lines);
    assert.equal(endReason, 'worker-deleted');
    assert.ok(Math.max(host, cli) <= 5 * 32);
    if (judgesTimes) assert.ok(pingMs <= 1000, `${pingMs} ms`);
  },
);
