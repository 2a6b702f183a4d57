import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { test } from 'node:test';
import { fileError, SidecarError } from '../../src/protocol/index.js';
import { isShortage } from '../../src/protocol/system-error.js';

const systemError = (errno: string, more: object = {}) =>
  Object.assign(new Error(`${errno}: as the system says it`), { code: errno, ...more });

test('nothing that the system refuses is an internal error, whatever its number', () => {
  for (const errno of [...Object.keys(constants.errno), 'ENOTFOUND', 'EAI_AGAIN']) {
    const error = SidecarError.from(systemError(errno, { path: '/a' }));
    assert.ok(['file-error', 'network-error'].includes(error.code), `${errno}: ${error.code}`);
    assert.deepEqual(error.data, { path: '/a', errno });
    assert.match(error.message, new RegExp(errno));
  }
});

test('it is told in words with what helps, and what was tried where that is known', () => {
  assert.match(
    SidecarError.from(systemError('EMFILE')).message,
    /too many files open; raise `ulimit -n` \(EMFILE\)/,
  );
  const full = fileError('write the file', '/a', systemError('ENOSPC'));
  assert.equal(full.message, 'Could not write the file /a: the disk is full (ENOSPC).');
  assert.deepEqual([full.code, full.data], ['file-error', { path: '/a', errno: 'ENOSPC' }]);
});

test('what is in short supply is told from what is wrong', () => {
  assert.deepEqual(
    ['EMFILE', 'EAGAIN', 'ENOMEM', 'ENOENT'].map((errno) => isShortage(systemError(errno))),
    [true, true, true, false],
  );
  assert.equal(isShortage(new TypeError('x')), false);
});

test('real failures of Node are known by their form', async () => {
  const missing = await readFile('/nowhere/at/all').catch((error: unknown) => error);
  assert.equal(SidecarError.from(missing).code, 'file-error');
  const refused = await new Promise((resolve) => connect('/nowhere/at/all').once('error', resolve));
  assert.equal(SidecarError.from(refused).code, 'file-error');
});

test('a defect of ours stays one, and an error of ours stays itself', () => {
  const own = new SidecarError('not-found', 'x');
  assert.equal(SidecarError.from(own), own);
  assert.equal(fileError('read', '/a', own), own);
  for (const defect of [
    new TypeError('x'),
    'x',
    undefined,
    Object.assign(new Error('x'), { code: 'ERR_INVALID_ARG_TYPE' }),
  ]) {
    assert.equal(SidecarError.from(defect).code, 'internal-error');
  }
});
