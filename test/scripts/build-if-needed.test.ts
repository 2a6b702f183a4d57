import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/temporary-folder.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/build-if-needed.js', import.meta.url));

/** A checkout whose build says that it ran, and leaves its mark. */
function checkout() {
  const root = temporaryFolder();
  for (const folder of ['scripts', 'src', 'dist/src']) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(SCRIPT, join(root, 'scripts/build-if-needed.js'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(root, 'scripts/build.js'),
    `import { writeFileSync } from 'node:fs';
     writeFileSync(new URL('../dist/src/cli.cjs', import.meta.url), '');
     console.log('built');`,
  );
  writeFileSync(join(root, 'src/file.ts'), '');
  const run = () => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [join(root, 'scripts/build-if-needed.js')],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(status, 0, stderr);
    return stdout;
  };
  return { root, run };
}

test('it builds what was never built, and then says nothing', () => {
  const { run } = checkout();
  assert.match(run(), /^Building \.\.\.\nbuilt\n$/);
  assert.equal(run(), '');
});

test('it builds again when a source was changed or removed', () => {
  const { root, run } = checkout();
  run();
  const later = new Date(Date.now() + 1000);
  utimesSync(join(root, 'src/file.ts'), later, later);
  assert.match(run(), /changed.*\nbuilt\n$/);
  rmSync(join(root, 'src/file.ts'));
  utimesSync(join(root, 'src'), later, later);
  assert.match(run(), /built/);
});
