// The private folders of runtimes lie where others put folders too: whatever is in there is input.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { ownRecord } from '../../../../src/accounts/local/workerd/process-record.js';
import { makeRunFolder } from '../../../../src/accounts/local/workerd/run-folder.js';
import { temporaryFolder } from '../fixture.js';

const STATE_DIR = '/some/state';
const OWN_PREFIX = createHash('sha256').update(STATE_DIR).digest('hex').slice(0, 8);

test('a folder is removed only when its name, contents and a record of its own say that its process is dead', {
  skip: process.platform !== 'linux' && 'the record needs /proc',
}, async (t) => {
  const all = await temporaryFolder(t);
  const own = await ownRecord();
  // A process that has ended: its pid is nobody's, or somebody else's by now.
  const dead = { ...own, pid: spawnSync('/bin/true').pid, started: '1' };
  const record = fc.oneof(
    fc.constantFrom<object>(dead, own, { ...own, started: '1' }, { ...dead, pidNamespace: 'pid:[1]' }),
    fc.constantFrom<object>({ ...dead, pid: 1 }, { ...dead, pid: -1 }, { ...dead, pid: 2 ** 53 }, {}),
    fc.record({ pid: fc.integer(), started: fc.string(), bootId: fc.string() }, { requiredKeys: [] }),
  );
  const planted = fc.record({
    prefix: fc.constantFrom(OWN_PREFIX, '00000000'),
    pid: fc.constantFrom(dead.pid, process.pid, 1, 2 ** 40),
    record,
    names: fc.constantFrom('itself', 'another folder', 'nothing'),
    text: fc.option(fc.oneof(fc.json(), fc.string())),
    entries: fc.subarray(['p1', 'storage.sock', 'traces.sock', 'precious.txt', 'p1.txt', '.hidden']),
  });
  let count = 0;
  let removed = 0;
  await fc.assert(
    fc.asyncProperty(planted, async ({ prefix, pid, record, names, text, entries }) => {
      const parent = join(all, String(count++));
      const folder = join(parent, `ff-${prefix}-${pid}-a1B2c3`);
      mkdirSync(folder, { recursive: true });
      for (const entry of entries) writeFileSync(join(folder, entry), 'precious');
      const { dev, ino } = statSync(names === 'itself' ? folder : parent, { bigint: true });
      const identity = names === 'nothing' ? undefined : { device: String(dev), inode: String(ino) };
      writeFileSync(join(folder, 'owner'), text ?? JSON.stringify({ process: record, folder: identity }));
      const isDead =
        (record === dead && pid === dead.pid) ||
        ((record as { started?: string }).started === '1' &&
          (record as { pid?: number }).pid === process.pid &&
          (record as { pidNamespace?: string }).pidNamespace === own.pidNamespace &&
          pid === process.pid);
      const isOurs =
        text === null && names === 'itself' && isDead && !entries.some((name) => /txt|hidden/.test(name));
      await makeRunFolder(STATE_DIR, parent);
      assert.equal(existsSync(folder), !isOurs);
      if (isOurs) removed += 1;
      else for (const entry of entries) assert.ok(existsSync(join(folder, entry)), entry);
    }),
    {
      numRuns: 150,
      examples: [
        [{ prefix: OWN_PREFIX, pid: dead.pid, record: dead, names: 'itself', text: null, entries: ['p1'] }],
        [
          {
            prefix: '00000000',
            pid: process.pid,
            record: { ...own, started: '1' },
            names: 'itself',
            text: null,
            entries: [],
          },
        ],
        [
          {
            prefix: OWN_PREFIX,
            pid: dead.pid,
            record: dead,
            names: 'itself',
            text: null,
            entries: ['precious.txt'],
          },
        ],
      ],
    },
  );
  assert.ok(removed >= 2);
});
