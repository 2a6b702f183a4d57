import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HANG_MS } from '../support/until.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/node-backend/index.js', import.meta.url));
/** What a passing run prints, in this order. */
const EXPECTED = [
  /^ {2}starting -> running$/m,
  /^ {2}fluorite-flake \d+\.\d+\.\d+, workerd \S+, local account$/m,
  /visit-counter was deployed to the local account/,
  /The KV namespace visit-counter-visits \([0-9a-f]{32}\) was created/,
  /The R2 bucket visit-counter-files was created/,
  /6 requests, 6 trace events, 0 dropped/,
  /^ {2}visit-counter-visits +count +3$/m,
  /^ {2}visit-counter-files +note\.txt +22 bytes$/m,
  /^ {2}event-loop delay: median \d+\.\d ms, p99 \d+\.\d ms, max \d+\.\d ms$/m,
  /^ {2}stopping -> stopped$/m,
];
/** What comes of the live tail; its lines stand between those of the requests. */
const TAILED = [
  /log: visit 1, by Ada/,
  /log: visit 2, by Grace/,
  /log: stored note\.txt \{"bytes":22\}/,
  /tail: GET \/fail, outcome exception/,
  /Error: This one fails on purpose/,
];

interface Run {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

test('npm start runs from start to end in a pipe and leaves neither a process nor a file', async () => {
  await inTemporaryFolder(async (folder) => {
    const { code, stdout, stderr } = await run(folder, () => undefined);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.equal(stderr, '');
    assert.ok(!stdout.includes('\u001b') && !stdout.includes('\r'), 'a pipe gets plain lines');
    let from = 0;
    for (const expected of EXPECTED) {
      const at = stdout.slice(from).search(expected);
      assert.notEqual(at, -1, `${expected} is missing behind character ${from} of:\n${stdout}`);
      from += at;
    }
    for (const expected of TAILED) assert.match(stdout, expected);
    if (process.platform === 'linux') {
      assert.match(stdout, /^ {2}\d+ processes hold no TCP or UDP socket/m);
      assert.match(stdout, /^ {2}No process is left\.$/m);
    }
    await assertNothingIsLeft(folder);
  });
});

test('npm start interrupted in the middle stops cleanly', async () => {
  await inTemporaryFolder(async (folder) => {
    let interrupted = false;
    const { code, stdout, stderr } = await run(folder, (child, text) => {
      if (interrupted || !text.includes('visit 1, by Ada')) return;
      interrupted = child.kill('SIGINT');
    });
    assert.equal(code, 130, `${stdout}\n${stderr}`);
    assert.match(stdout, /stopping -> stopped/);
    assert.match(stdout, /Interrupted\.\n$/);
    await assertNothingIsLeft(folder);
  });
});

test('npm start says what failed and exits 1', async () => {
  await inTemporaryFolder(async (folder) => {
    const missing = join(folder, 'no-workerd');
    const { code, stderr } = await run(folder, () => undefined, { FLUORITE_FLAKE_WORKERD: missing });
    assert.equal(code, 1);
    assert.match(stderr, /^\nThe example failed: .*no-workerd.* \(workerd-missing\)\n$/);
    await assertNothingIsLeft(folder);
  });
});

async function inTemporaryFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ff-example-test-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Seen = (child: { kill(signal: NodeJS.Signals): boolean }, stdout: string) => void;

/** Runs the example with `folder` as its temporary one. `seen` is called with all of stdout whenever there is more. */
function run(folder: string, seen: Seen, environment: Record<string, string> = {}): Promise<Run> {
  const env = { ...process.env, TMPDIR: folder, XDG_RUNTIME_DIR: folder, ...environment };
  const child = spawn(process.execPath, [EXAMPLE], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: HANG_MS,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    seen(child, stdout);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

async function assertNothingIsLeft(folder: string): Promise<void> {
  assert.deepEqual(await readdir(folder), []);
  if (process.platform !== 'linux') return;
  assert.deepEqual(await processesThatKnow(folder), []);
}

/** Processes whose command line or environment names `folder`, as the example's all do. */
async function processesThatKnow(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const texts = await Promise.all(['cmdline', 'environ'].map((name) => readOwn(`/proc/${pid}/${name}`)));
      return texts.some((text) => text.includes(folder)) ? [`${pid} ${texts[0]}`] : [];
    }),
  );
  return found.flat();
}

/** Nothing for a process that has just ended or is another user's. */
async function readOwn(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code ?? '')) return '';
    throw error;
  });
}
