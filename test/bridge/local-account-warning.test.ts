import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SidecarOptions } from '../../bridge/index.js';
import { library, temporaryFolder } from '../support/scenario.js';

const cliPath = fileURLToPath(new URL('../../dist/src/cli.cjs', import.meta.url));

test('where auto came to the local account, it is said once, with its folder and how to sign in', {
  skip: !existsSync(cliPath) && 'not built',
}, async (t) => {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error) => warnings.push(message);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const folder = await temporaryFolder(t);
  const env = {
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    FLUORITE_FLAKE_HOME: folder,
    CLOUDFLARE_API_TOKEN: '',
  };
  const run = async (options: SidecarOptions) => {
    const sidecar = new library.TauriSidecar({ env, cliPath, ...options });
    t.after(() => sidecar.stop());
    await sidecar.start();
    assert.equal(sidecar.account?.kind, 'local');
    await sidecar.stop();
  };
  // With `debug` the log says it, and a warning would say it a second time.
  const log: string[] = [];
  await run({ account: 'auto', debug: true, logger: (line) => log.push(line) });
  assert.equal(warnings.length, 0, warnings[0]);
  assert.equal(
    log.filter((line) => line.includes(`state in ${join(folder, 'local')}`)).length,
    1,
    log.join('\n'),
  );

  for (const account of ['local', 'auto', 'auto'] as const) await run({ account });
  assert.equal(warnings.length, 1);
  assert.ok(warnings[0]?.includes(join(folder, 'local')), warnings[0]);
  assert.match(warnings[0] ?? '', /auth login.*CLOUDFLARE_API_TOKEN/);
});
