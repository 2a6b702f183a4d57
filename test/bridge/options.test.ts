import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { createTauriSidecar, SidecarError, type SidecarOptions, TauriSidecar } from '../../bridge/index.js';
import { createAuthToken, resolveOptions } from '../../bridge/options.js';

const BAD: Record<string, unknown[]> = {
  cliPath: ['', 7, null, 'a\0'],
  ipcPort: [-1, 65_536, 1.5, '9123'],
  ipcHost: [127],
  authToken: ['', 1, 'ü'.repeat(32_769)],
  debug: ['yes', 1],
  logger: ['console', {}],
  autoRestart: ['no', 0],
  restartDelay: [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5000'],
  maxRestarts: [-1, 2.5, '5'],
  account: ['', 'somewhere', 7],
  stateDir: ['', 1, '/a\0b', '\ud800'],
  cwd: ['', 1, '\0'],
  env: ['PATH=/bin', { PATH: 1 }, { PATH: '\0' }, { 'A=B': 'c' }, { '': 'c' }, { 'A\0': 'c' }],
  startTimeout: [0, -1, '1'],
  maxBodyBytes: [0, 1023, 1.5],
};

for (const [option, values] of Object.entries(BAD)) {
  test(`a wrong \`${option}\` is refused by name`, () => {
    for (const value of values) {
      assert.throws(
        () => new TauriSidecar({ [option]: value } as SidecarOptions),
        (error) =>
          error instanceof SidecarError && error.code === 'invalid-option' && error.message.includes(option),
        `${option}: ${String(value)}`,
      );
    }
  });
}

test('all wrong options are named at once, and an unknown one is refused', () => {
  const options = { debug: 1, maxRestarts: -1, restartDelayMs: 10 } as unknown as SidecarOptions;
  assert.throws(
    () => createTauriSidecar(options),
    (error: SidecarError) => {
      assert.equal(error.code, 'invalid-option');
      for (const name of ['debug', 'maxRestarts', 'restartDelayMs'])
        assert.match(error.message, new RegExp(name));
      return true;
    },
  );
});

test('the defaults are those of the reference', () => {
  const { debug, autoRestart, restartDelay, maxRestarts, account } = resolveOptions({});
  assert.deepEqual(
    { debug, autoRestart, restartDelay, maxRestarts, account },
    { debug: false, autoRestart: true, restartDelay: 5000, maxRestarts: 5, account: 'auto' },
  );
});

test('a token has 32 random bytes, and no two are alike', () => {
  assert.match(createAuthToken(), /^[0-9a-f]{64}$/);
  assert.notEqual(createAuthToken(), createAuthToken());
});

test('ipcPort and ipcHost are accepted, with one warning in a process', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  const first = once(process, 'warning');
  new TauriSidecar({ ipcPort: 9123 });
  new TauriSidecar({ ipcPort: 9123, ipcHost: '127.0.0.1' });
  await first;
  // Warnings are told on the next tick; a second one would have come by now.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]?.message ?? '', /`ipcPort` and `ipcHost` have no effect/);
});
