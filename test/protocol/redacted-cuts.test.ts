import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCustomBuild } from '../../src/project/custom-build.js';
import { runProgram } from '../../src/project/run-program.js';
import { Redactor, SidecarError } from '../../src/protocol/index.js';
import { Responses } from '../../src/server/responses.js';
import { excerpt } from '../../src/transport/frame-error.js';
import { StderrLines } from '../../worker/stderr-lines.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const folder = temporaryFolder();
const SECRET = 'tok_4f9Qz7LmX2-vB8sKd01WyRtPqEe';

/** Parts of a secret that are long enough to be of use to somebody. */
function leaked(text: string, secret = SECRET): string | undefined {
  const size = 8;
  for (let at = 0; at + size <= secret.length; at++) {
    const part = secret.slice(at, at + size);
    if (text.includes(part)) return part;
  }
  return undefined;
}

const redactor = new Redactor([SECRET]);

/** The secret at every place around `at`, so that whatever cuts there cuts it. */
function* around(at: number): Generator<string> {
  for (let before = at - SECRET.length - 2; before <= at + 2; before++)
    yield `${'x'.repeat(Math.max(0, before))}${SECRET}${'y'.repeat(200)}`;
}

test('what a child writes to stderr shows no part of a secret, wherever a chunk or the tail is cut', () => {
  for (const at of [4096, 8 * 1024, 64 * 1024, 128 * 1024]) {
    for (const text of around(at)) {
      const shown: string[] = [];
      const stderr = new StderrLines((lines) => shown.push(redactor.text(lines)));
      const bytes = Buffer.from(text);
      stderr.push(bytes.subarray(0, at));
      stderr.push(bytes.subarray(at));
      shown.push(redactor.text(stderr.tail));
      stderr.end();
      shown.push(redactor.text(stderr.tail));
      assert.equal(leaked(shown.join('')), undefined, `cut at ${at}`);
    }
    for (let lines = 0; lines < 20; lines++) {
      const stderr = new StderrLines(undefined);
      stderr.push(Buffer.from(`${SECRET}\n${'z'.repeat(at - 10 + lines)}\n`));
      assert.equal(leaked(redactor.text(stderr.tail)), undefined);
    }
  }
});

test('the beginning of bytes that are no frame shows no part of a secret', () => {
  for (let before = 0; before < 45; before++) {
    for (const filler of [' ', 'x', '=']) {
      const text = `${filler.repeat(before)} TOKEN=${SECRET} and more ${'.'.repeat(100)}`;
      assert.equal(leaked(redactor.text(excerpt(Buffer.from(text)))), undefined, text);
    }
  }
  const odd = new Redactor(['geheim-ü-geheim']);
  assert.equal(odd.text(excerpt(Buffer.from('a geheim-ü-geheim b'))), 'a [redacted] b');
});

/** The answer to a failed call and what is told of its progress, as a client sees them. */
function answers(): { shown: string[]; responses: Responses; progress(message: string): void } {
  const shown: string[] = [];
  const responses = new Responses({
    redactor,
    maxBodyBytes: 16 * 1024 * 1024,
    log: (line) => shown.push(line),
    onResult: () => {},
  });
  const safe = responses.progress(undefined);
  return {
    shown,
    responses,
    progress: (message) => shown.push(safe({ token: 1, value: { message } }).value.message),
  };
}

test('a long error is cut after its secrets were taken out, in its message and in its data', () => {
  for (const at of [4096, 32 * 1024, 64 * 1024]) {
    for (const text of around(at)) {
      const error = redactor.error(new SidecarError('file-error', text, { data: { text, list: [text] } }));
      assert.equal(leaked(JSON.stringify(error.toWire())), undefined, `cut at ${at}`);
    }
  }
});

test('the output of builds and programs shows no part of a secret, however long its lines are', async () => {
  const { signal } = new AbortController();
  for (const at of [500, 1000, 64 * 1024]) {
    const { shown, responses, progress } = answers();
    const text = [...around(at)].join('\n');
    const script = join(folder, `print-${at}.mjs`);
    writeFileSync(script, `process.stderr.write(${JSON.stringify(text)}); process.exitCode = 1;`);
    const failures = await Promise.allSettled([
      runCustomBuild(
        { command: `"${process.execPath}" ${script}`, cwd: folder },
        { cwd: folder, signal, progress: (value) => progress(value.message) },
      ),
      runProgram(process.execPath, [script], folder, signal),
    ]);
    for (const [number, failure] of failures.entries()) {
      assert.equal(failure.status, 'rejected');
      const { reason } = failure as PromiseRejectedResult;
      assert.equal((reason as SidecarError).code, 'command-failed');
      responses.failure(number, 'dashboard.deployWorker', {}, reason, (answer) => shown.push(answer));
    }
    assert.ok(shown.length > 20);
    assert.match(shown.join('\n'), at > 1000 ? /left out/ : /\[redacted\]/);
    assert.equal(leaked(shown.join('\n')), undefined, `cut at ${at}`);
  }
});

test('of a secret of many lines none shows, since output comes line by line', () => {
  const key = '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhk\r\niG9w0BAQEFAASCBKcw\n-----END KEY-----\n';
  const known = new Redactor([key]);
  const shown = key.split('\n').map((line) => known.text(`key: ${line}`));
  assert.equal(leaked(shown.join(''), 'MIIEvQIBADANBgkqhk'), undefined);
  assert.equal(leaked(shown.join(''), 'iG9w0BAQEFAASCBKcw'), undefined);
  assert.equal(known.text(`?key=${encodeURIComponent(key)}`), '?key=[redacted]');
});
