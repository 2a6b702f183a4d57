import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SidecarError } from '../../../bridge/index.js';
import { importLibrary } from '../../support/built.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const { TauriSidecar } = await importLibrary();
const folder = temporaryFolder();
const SECRET = 'sk_live_4eC39HqLyjWDarjtT1';

test('a secret of .dev.vars shows in no error, log or progress, whoever prints it', async (t) => {
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, '.dev.vars'), `KEY=${SECRET}\n`);
  writeFileSync(
    join(project, 'wrangler.json'),
    JSON.stringify({ name: 'w', main: 'index.js', compatibility_date: '2026-01-01' }),
  );
  // A Worker that prints its secret and throws it, when it is started.
  writeFileSync(
    join(project, 'index.js'),
    `import { env } from 'cloudflare:workers';
console.log('starting with ' + env.KEY);
throw new Error('cannot use the key ' + env.KEY);
export default {};`,
  );
  const shown: string[] = [];
  const sidecar = new TauriSidecar({
    account: 'local',
    stateDir: join(folder, 's'),
    cwd: project,
    debug: true,
    logger: (line) => shown.push(line),
  });
  t.after(() => sidecar.stop());
  await sidecar.start();
  const deploying = sidecar.call(
    'dashboard.deployWorker',
    {},
    { onProgress: ({ message }) => shown.push(message) },
  );
  await assert.rejects(deploying, (error: SidecarError) => {
    assert.equal(error.code, 'script-invalid');
    assert.match(error.message, /cannot use the key \[redacted\]/);
    shown.push(JSON.stringify([error.message, error.data]));
    return true;
  });
  await sidecar.stop();
  assert.equal(shown.join('\n').includes(SECRET), false);
});
