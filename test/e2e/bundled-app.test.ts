import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import commonjsPlugin from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import * as esbuild from 'esbuild';
import { rollup } from 'rollup';
import { build as viteBuild } from 'vite';
import { installPackage } from '../support/installed-package.js';
import { temporaryFolder } from '../support/temporary-folder.js';

// Its types say that the function is a member of itself.
const commonjs = commonjsPlugin as unknown as typeof commonjsPlugin.default;

type Format = 'esm' | 'cjs';
/** Makes one file of the app and all it imports. */
type Bundler = (entry: string, outfile: string, format: Format) => Promise<void>;

const BUNDLERS: Record<string, Bundler> = {
  async esbuild(entry, outfile, format) {
    const { warnings } = await esbuild.build({
      entryPoints: [entry],
      outfile,
      format,
      bundle: true,
      platform: 'node',
      logLevel: 'silent',
    });
    assert.deepEqual(warnings, []);
  },
  async Rollup(entry, outfile, format) {
    const plugins = [nodeResolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs()];
    const bundle = await rollup({ input: entry, plugins });
    await bundle.write({ file: outfile, format, inlineDynamicImports: true });
    await bundle.close();
  },
  async Vite(entry, outfile, format) {
    await viteBuild({
      root: join(entry, '..'),
      configFile: false,
      envFile: false,
      logLevel: 'silent',
      ssr: { noExternal: true },
      build: {
        ssr: entry,
        outDir: join(outfile, '..'),
        emptyOutDir: false,
        rollupOptions: { output: { format, entryFileNames: basename(outfile) } },
      },
    });
  },
};

const APP = `import { TauriSidecar } from 'fluorite-flake/tauri';
const run = async () => {
  const { WORKER_PATH: workerPath, STATE_DIR: stateDir } = process.env;
  const sidecar = new TauriSidecar({ account: 'local', stateDir, workerPath });
  await sidecar.start();
  const { pong } = await sidecar.call('system.ping');
  const { pong: remote } = await sidecar.remote.call('system.ping');
  await sidecar.stop();
  console.log(JSON.stringify({ pong, remote }));
};
run().catch((error) => {
  console.error(error.code + ': ' + error.message);
  process.exitCode = 1;
});
`;

const folder = temporaryFolder();
const app = join(folder, 'app');
mkdirSync(app);
installPackage(app);
const entry = join(app, 'main.js');
writeFileSync(entry, APP);

/** Runs a bundle. It has to say nothing but its result. */
function run(file: string, environment: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, STATE_DIR: join(folder, 'state'), ...environment };
  const { stdout, stderr } = spawnSync(process.execPath, [file], { env, encoding: 'utf8', timeout: 60_000 });
  return { stdout: stdout.trim(), stderr: stderr.trim() };
}

const WORKS = { stdout: '{"pong":true,"remote":true}', stderr: '' };

describe('an app that bundles the library', () => {
  for (const [name, bundle] of Object.entries(BUNDLERS)) {
    for (const format of ['esm', 'cjs'] as const) {
      it(`runs when ${name} has made it one ${format} file beside node_modules`, async () => {
        const outfile = join(app, `out/${name}.${format === 'esm' ? 'mjs' : 'cjs'}`);
        await bundle(entry, outfile, format);
        assert.ok(!readFileSync(outfile, 'utf8').includes("'fluorite-flake/tauri'"), 'it was not bundled');
        assert.deepEqual(run(outfile), WORKS);
      });
    }
  }
});

describe('a bundle that is shipped without node_modules', () => {
  const shipped = join(folder, 'shipped');
  const dist = join(app, 'node_modules/fluorite-flake/dist');
  const bundle = join(shipped, 'app.mjs');

  it('says where it looked and what to do', async () => {
    await BUNDLERS.esbuild?.(entry, bundle, 'esm');
    const { stderr } = run(bundle);
    assert.match(stderr, /^start-failed: /);
    for (const part of [join(shipped, 'fluorite-flake'), 'workerPath', 'node_modules', 'worker/main.cjs']) {
      assert.ok(stderr.includes(part), `${part} is not in: ${stderr}`);
    }
  });

  it('runs with the copy of `dist` that `workerPath` names', () => {
    const copy = join(folder, 'elsewhere');
    cpSync(dist, copy, { recursive: true });
    assert.deepEqual(run(bundle, { WORKER_PATH: join(copy, 'worker/main.cjs') }), WORKS);
  });

  it('refuses a `workerPath` around which there is no such copy', () => {
    const { stderr } = run(bundle, { WORKER_PATH: join(folder, 'nowhere/worker/main.cjs') });
    assert.match(stderr, /^invalid-option: .*workerPath/);
  });

  it('refuses a copy of another version', () => {
    const old = join(folder, 'old');
    cpSync(dist, old, { recursive: true });
    const file = join(old, 'pool/package.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"version": "[^"]+"/, '"version": "0.0.1"'));
    const { stderr } = run(bundle, { WORKER_PATH: join(old, 'worker/main.cjs') });
    assert.match(stderr, /^start-failed: .*fluorite-flake 0\.0\.1.*build the app again/);
  });

  it('finds a copy of `dist` in a folder fluorite-flake beside it', () => {
    cpSync(dist, join(shipped, 'fluorite-flake'), { recursive: true });
    assert.deepEqual(run(bundle), WORKS);
  });
});
