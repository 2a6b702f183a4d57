import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { makePrivateFolder, openStateDir } from '../../../src/accounts/local/private-folder.js';
import { SharedApi } from '../../../src/accounts/local/shared-api.js';
import { noRuntime, temporaryFolder } from './fixture.js';

const unixOnly = { skip: process.platform === 'win32' && 'there are no such modes' };
const modeOf = (path: string) => statSync(path).mode & 0o777;
const refused = (path: string, why: RegExp) => (error: { code: string; message: string; data: object }) => {
  assert.equal(error.code, 'file-error');
  assert.match(error.message, why);
  assert.deepEqual(error.data, { path });
  return true;
};

test(
  'a state directory of any mode is private once it is used, or is refused and stays as it is',
  unixOnly,
  async (t) => {
    const folder = await temporaryFolder(t);
    let count = 0;
    const entries = fc.subarray(['state.jsonl', 'state.last-good.jsonl', 'lock', 'index.html']);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 0o77 }), entries, async (others, names) => {
        const path = join(folder, `${count++}`);
        mkdirSync(path);
        for (const name of names) mkdirSync(join(path, name));
        const mode = 0o700 | others;
        chmodSync(path, mode);
        const isOurs = names.length === 0 || names.some((name) => name !== 'index.html');
        if (isOurs || others === 0) {
          await openStateDir(path);
          assert.equal(modeOf(path), 0o700);
        } else {
          await assert.rejects(openStateDir(path), refused(path, /holds other things/));
          assert.equal(modeOf(path), mode);
        }
        assert.deepEqual(readdirSync(path).sort(), [...names].sort());
      }),
      { numRuns: 60 },
    );
  },
);

test('folders in a state directory are real ones of this user, and private', unixOnly, async (t) => {
  const folder = await temporaryFolder(t);
  const open = join(folder, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  await makePrivateFolder(open);
  assert.equal(modeOf(open), 0o700);
  const linked = join(folder, 'linked');
  symlinkSync(open, linked);
  await assert.rejects(makePrivateFolder(linked), refused(linked, /is a link/));
  for (const name of ['lock', 'run']) {
    const stateDir = join(folder, `with ${name}`);
    mkdirSync(stateDir, { mode: 0o700 });
    mkdirSync(join(folder, `elsewhere ${name}`), { mode: 0o755 });
    symlinkSync(join(folder, `elsewhere ${name}`), join(stateDir, name));
    const api = new SharedApi({ stateDir, log: () => {}, createRuntime: noRuntime });
    const sent = api.send(() => new Request('http://local/accounts'), true);
    await assert.rejects(sent, refused(join(stateDir, name), /is a link/));
    await api.close();
    assert.deepEqual(readdirSync(join(folder, `elsewhere ${name}`)), []);
    assert.equal(modeOf(join(folder, `elsewhere ${name}`)), 0o755);
  }
});

test(
  'a state directory of another user is refused, and one behind a link of this user is used',
  unixOnly,
  async (t) => {
    const folder = await temporaryFolder(t);
    const [real, link] = [join(folder, 'real'), join(folder, 'link')];
    mkdirSync(real, { mode: 0o755 });
    symlinkSync(real, link);
    await openStateDir(link);
    assert.equal(modeOf(real), 0o700);
    writeFileSync(join(real, 'state.jsonl'), '');
    const { getuid } = process;
    t.after(() => {
      process.getuid = getuid;
    });
    // Who asks is another user, since no test may give files away.
    process.getuid = () => (getuid?.() ?? 0) + 1;
    await assert.rejects(openStateDir(real), refused(real, /belongs to another user/));
    await assert.rejects(makePrivateFolder(real), refused(real, /belongs to another user/));
  },
);
