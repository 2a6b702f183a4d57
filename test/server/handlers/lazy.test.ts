import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** The sources that are loaded with `entry`, imports made later left out. */
async function loadedWith(entry: string): Promise<string[]> {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outdir: 'out',
  });
  const loaded = new Set<string>();
  const visit = (path: string): void => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const one of metafile.inputs[path]?.imports ?? [])
      if (one.kind === 'import-statement') visit(one.path);
  };
  visit(entry);
  return [...loaded];
}

test('the table of handlers loads neither the SDK nor an account nor the bundler', async () => {
  const loaded = await loadedWith('src/server/handlers/index.ts');
  const heavy = loaded.filter((path) =>
    /^(cloudflare|esbuild|workerd|ws)\b|src\/(cloudflare|accounts|project)\//.test(path),
  );
  assert.deepEqual(heavy, []);
});

test('opening an account loads neither the SDK nor what runs Workers', async () => {
  const loaded = await loadedWith('src/accounts/index.ts');
  const heavy = loaded.filter((path) => /^(cloudflare|ws)\b|src\/(cloudflare|project)\/|workerd/.test(path));
  assert.deepEqual(heavy, []);
  const local = await loadedWith('src/accounts/local/account.ts');
  assert.ok(!local.includes('src/accounts/local/shared-api.ts'));
});
