import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runCustomBuild } from '../../src/project/custom-build.js';
import { prepareUpload } from '../../src/project/prepare-upload.js';
import { parseParams } from '../../src/protocol/index.js';
import { until } from '../support/until.js';
import { projectFolder } from './project-folder.js';

const lines: string[] = [];
function context(signal = new AbortController().signal) {
  lines.length = 0;
  return { cwd: '/', signal, progress: ({ message }: { message?: string }) => lines.push(message ?? '') };
}

test("the project's build runs in its folder, without credentials, and what it prints is told", async (t) => {
  process.env.CLOUDFLARE_API_TOKEN = 'a secret';
  t.after(() => delete process.env.CLOUDFLARE_API_TOKEN);
  const folder = await projectFolder(t, { 'sub/a.txt': '' });
  const command = 'echo "$WRANGLER_COMMAND" && pwd && echo "token:$CLOUDFLARE_API_TOKEN" >&2';
  await runCustomBuild({ command, cwd: join(folder, 'sub') }, context());
  assert.deepEqual(lines.slice(1).sort(), [join(folder, 'sub'), 'deploy', 'token:'].sort());
});

test('a build that fails is told by its last lines, and nothing is deployed', async (t) => {
  const folder = await projectFolder(t);
  const command =
    'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23; do echo line $i; done; exit 3';
  await assert.rejects(
    runCustomBuild({ command, cwd: folder }, context()),
    (error: { code: string; message: string; data: { exitCode: number; stderr: string } }) => {
      assert.equal(error.code, 'command-failed');
      assert.match(
        error.message,
        /failed: it ended with exit code 3\. Its last line: line 23 Nothing was deployed/,
      );
      assert.equal(error.data.exitCode, 3);
      assert.equal(error.data.stderr.split('\n').length, 20);
      return true;
    },
  );
  await assert.rejects(runCustomBuild({ command: 'true', cwd: join(folder, 'missing') }, context()), {
    code: 'command-failed',
  });
});

test('a cancelled build ends with everything it started, and so does one that takes too long', async (t) => {
  const folder = await projectFolder(t);
  const controller = new AbortController();
  const pids = await startedPids(t, folder, (command) => {
    const building = runCustomBuild({ command, cwd: folder }, context(controller.signal));
    return { building, end: () => controller.abort() };
  });
  assert.equal(pids.code, 'cancelled');
  assert.deepEqual(pids.alive, []);
  const late = runCustomBuild({ command: 'sleep 30', cwd: folder }, context(), 50);
  await assert.rejects(late, { code: 'command-failed', message: /took longer than 0\.05 s/ });
});

/** Runs a build whose child writes down its pid; says how it ended and which of the two still live. */
async function startedPids(
  t: TestContext,
  folder: string,
  run: (command: string) => { building: Promise<void>; end(): void },
): Promise<{ code: string; alive: number[] }> {
  const file = join(folder, 'pids');
  const { building, end } = run(`sleep 60 & echo $! $$ > ${file}.tmp && mv ${file}.tmp ${file}; wait`);
  const outcome = building.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );
  t.after(end);
  await until('the pids', () => existsSync(file));
  const pids = (await readFile(file, 'utf8')).trim().split(' ').map(Number);
  end();
  const code = await outcome;
  await until('their ends', () => !pids.some(isAlive));
  return { code, alive: pids.filter(isAlive) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('an entry that the build did not make is told with the command', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.toml': 'name = "a"\nmain = "out/index.js"\n[build]\ncommand = "echo nothing"\n',
  });
  const params = parseParams('dashboard.deployWorker', { cwd: folder });
  await assert.rejects(prepareUpload(params, { ...context(), account: async () => 'cloud' }), {
    code: 'file-error',
    message: /`echo nothing` ran and did not make it/,
  });
});
