import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import type { SidecarEvents } from '../../bridge/events.js';
import * as library from '../../bridge/index.js';
import { resolveOptions, type SidecarOptions } from '../../bridge/options.js';
import { TRANSITIONS } from '../../bridge/state.js';
import { methods } from '../../src/protocol/index.js';
import { proofOf } from '../../src/transport/proof.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

test('the README lists exactly the options there are', () => {
  const options: Required<SidecarOptions> = {
    cliPath: 'fluorite-flake',
    workerPath: '/copy/worker/main.cjs',
    account: 'local',
    allowNetwork: false,
    readOnly: false,
    stateDir: '/tmp/state',
    cwd: '/tmp',
    env: {},
    authToken: 'x',
    autoRestart: true,
    restartDelay: 1,
    maxRestarts: 1,
    startTimeout: 1,
    heartbeatTimeout: 1,
    stopTimeout: 1,
    maxBodyBytes: 2048,
    debug: false,
    logger: () => undefined,
    ipcPort: 9123,
    ipcHost: '127.0.0.1',
  };
  assert.deepEqual(firstColumn('### Options'), Object.keys(options));
  const defaults = resolveOptions({});
  for (const [name, value] of firstTwoColumns('### Options')) {
    if (!/^(true|false|\d+|'auto')$/.test(value)) continue;
    assert.equal(String(defaults[name as keyof typeof defaults]), value.replaceAll("'", ''), name);
  }
});

test('the README lists exactly the events there are', () => {
  const events: Record<keyof SidecarEvents, true> = {
    started: true,
    stopped: true,
    'state-change': true,
    'process-exit': true,
    'process-error': true,
    'ipc-connected': true,
    'ipc-disconnected': true,
    'ipc-error': true,
    error: true,
    'restart-failed': true,
    'max-restarts-reached': true,
    tail: true,
    'tail-end': true,
  };
  assert.deepEqual(firstColumn('### States and events'), Object.keys(events));
  for (const state of Object.keys(TRANSITIONS))
    assert.match(section('### States and events'), new RegExp(state));
});

test("the README's snippets parse, import what the library exports and call methods that exist", async () => {
  const snippets = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code = '']) => code);
  assert.ok(snippets.length > 5);
  for (const code of snippets) {
    await transform(code, { loader: 'ts', format: 'esm' });
    for (const [, names = ''] of code.matchAll(/import \{(.*?)\} from 'fluorite-flake\/tauri'/g)) {
      for (const name of names.split(',')) assert.ok(name.trim() in library, name);
    }
    for (const [, method = ''] of code.matchAll(/\.call\('(.*?)'/g)) assert.ok(method in methods, method);
  }
});

test("the README's example frame announces its own length", () => {
  const [, length, body = ''] = /Content-Length: (\d+)\\r\\n\n\\r\\n\n(.*)\n/.exec(readme) ?? [];
  assert.equal(Buffer.byteLength(body), Number(length));
  assert.equal(JSON.parse(body).method, 'initialize');
});

test("the README's example proofs are those of the handshake", () => {
  const [client = '', server = ''] = [...readme.matchAll(/= `([0-9a-f]{32})`/g)].map(([, nonce]) => nonce);
  const proofs = [...readme.matchAll(/`([0-9a-f]{64})`/g)].map(([, proof]) => proof);
  assert.deepEqual(proofs, [
    proofOf('server', 'correct horse', client, server),
    proofOf('client', 'correct horse', client, server),
  ]);
});

test("the README's client in Python drives the server", async (t) => {
  if (spawnSync('python3', ['--version']).status !== 0) return t.skip('there is no python3');
  const program = /```python\n(.*?)```/s
    .exec(readme)?.[1]
    ?.replace(
      '["npx", "fluorite-flake",',
      `[${JSON.stringify(process.execPath)}, ${JSON.stringify(join(root, 'dist/src/cli.cjs'))},`,
    );
  assert.ok(program);
  const home = await mkdtemp(join(tmpdir(), 'ff-readme-test-'));
  try {
    const { code, output } = await python(program, { ...process.env, FLUORITE_FLAKE_HOME: home });
    assert.equal(code, 0, output);
    assert.match(output, /'name': 'photos'/);
    assert.match(output, /exit code 0\n$/);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

test('every relative link of the documentation leads to a file and a heading', () => {
  const decisions = readdirSync(join(root, 'docs/decisions')).map((name) => `docs/decisions/${name}`);
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  for (const page of ['README.md', 'CHANGELOG.md', ...pages.map((name) => `docs/${name}`), ...decisions]) {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [, link = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path = '', heading] = link.split('#');
      const target = path === '' ? join(root, page) : join(root, dirname(page), path);
      assert.ok(existsSync(target), `${page}: ${link}`);
      if (heading) assert.ok(anchors(target).has(heading), `${page}: ${link}`);
    }
  }
});

/** The text below a heading, up to the next one of any level. */
function section(heading: string): string {
  const from = readme.indexOf(`\n${heading}\n`) + heading.length + 2;
  const end = readme.slice(from).search(/^#{2,3} /m);
  return readme.slice(from, from + end);
}

/** Every name in the first column of a section's table. */
function firstColumn(heading: string): string[] {
  return firstTwoColumns(heading).map(([name]) => name);
}

function firstTwoColumns(heading: string): [string, string][] {
  const rows = [...section(heading).matchAll(/^\| (`.*?) \| ?(.*?) ?\|/gm)];
  return rows.flatMap(([, first = '', second = '']) =>
    [...first.matchAll(/`([\w-]+)`/g)].map(([, name = '']): [string, string] => [
      name,
      second.replaceAll('`', ''),
    ]),
  );
}

/** The headings of a Markdown file as GitHub links them. */
function anchors(path: string): Set<string> {
  const headings = [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text);
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

function python(program: string, env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
  const child = spawn('python3', ['-c', program], { env, timeout: 30_000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
