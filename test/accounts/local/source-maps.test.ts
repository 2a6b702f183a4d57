import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TailSink } from '../../../src/accounts/account.js';
import { mapStack, mapTraceEvent, readSourceMaps } from '../../../src/accounts/local/source-maps.js';
import { uploadWorker } from '../../../src/cloudflare/workers.js';
import { prepareUpload } from '../../../src/project/prepare-upload.js';
import { parseParams } from '../../../src/protocol/index.js';
import { localAccount, never, temporaryFolder, until } from './fixture.js';

interface Failure {
  scriptName: string;
  exceptions: { message: string; stack?: string }[];
}

const encode = (text: string) => new TextEncoder().encode(text);

test('stack traces in tails name the lines of the sources, in both formats, and after a redeploy', async (t) => {
  const folder = await temporaryFolder(t);
  const { account, api } = await localAccount(t);
  const build = async (name: string, main: string, files: Record<string, string>, maps = true) => {
    await mkdir(join(folder, name, 'src'), { recursive: true });
    const config = {
      name,
      main,
      compatibility_date: '2026-01-02',
      minify: true,
      keep_names: false,
      upload_source_maps: maps,
    };
    await writeFile(join(folder, name, 'wrangler.json'), JSON.stringify(config));
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, name, file), text);
    const context = {
      cwd: folder,
      account: async () => 'local' as const,
      signal: never(),
      progress: () => {},
    };
    const upload = await prepareUpload(parseParams('dashboard.deployWorker', { cwd: name }), context);
    await uploadWorker(api, upload, {}, never());
  };
  const thrower = (lines: number) =>
    `${'\n'.repeat(lines)}export function fail(text: string): never {\n  throw new TypeError(text);\n}\n`;
  const entry = (start: string, end: string) =>
    `import { fail } from './fail';\n\ninterface Unused { a: string }\n\n${start} fail('as asked for'); ${end}\n`;
  await build('app', 'src/index.ts', {
    'src/index.ts': entry('export default { fetch() {', '} };'),
    'src/fail.ts': thrower(3),
  });
  await build('old', 'src/worker.ts', {
    'src/worker.ts': entry("addEventListener('fetch', () => {", '});'),
    'src/fail.ts': thrower(1),
  });

  const failures: Failure[] = [];
  const sink: TailSink = {
    push: (event) => failures.push(JSON.parse(event)),
    dropped() {},
    gap() {},
    end() {},
  };
  const tails = await Promise.all(
    ['app', 'old'].map((workerName) => account.openTail({ workerName }, sink, never())),
  );
  t.after(async () => {
    for (const tail of tails) await tail.close();
  });
  const stackOf = async (name: string) => {
    const before = failures.length;
    await account.invoke(name, new Request('http://worker/'));
    await until(() => failures.length > before, `the event of ${name}`);
    const [exception] = failures.at(-1)?.exceptions ?? [];
    return exception?.stack ?? '';
  };
  assert.match(await stackOf('app'), /\(src\/fail\.ts:5:9\)\n.*\(src\/index\.ts:5:\d+\)/);
  assert.match(await stackOf('old'), /\(src\/fail\.ts:3:9\)\n.*src\/worker\.ts:5:\d+/);
  await build('app', 'src/index.ts', { 'src/fail.ts': thrower(9) });
  assert.match(await stackOf('app'), /\(src\/fail\.ts:11:9\)/);
  await build('app', 'src/index.ts', {}, false);
  assert.match(await stackOf('app'), /\(index\.js:1:\d+\)/);
});

const MAP = JSON.stringify({ version: 3, sources: ['src/a.ts'], names: [], mappings: ';AAEIA' });
const MAPS = readSourceMaps('app', 'index.js', [
  { name: 'index.js', type: 'esm', content: encode('') },
  { name: 'index.js.map', type: 'sourcemap', content: encode(MAP) },
]);

test('what is no frame of a mapped module stays as it is', () => {
  const stack = [
    'Error: at index.js:2:1',
    '    at f (index.js:2:1)',
    '    at index.js:2:1',
    '    at async Object.fetch (other.js:2:1)',
    '    at g (index.js:9:1)',
    `    at ${'x'.repeat(100_000)} (index.js:2:1)`,
  ];
  assert.deepEqual(mapStack(stack.join('\n'), MAPS).split('\n'), [
    stack[0],
    '    at f (src/a.ts:3:5)',
    '    at src/a.ts:3:5',
    stack[3],
    stack[4],
    stack[5],
  ]);
});

test('an event that nests deeper than a tail sends is left as it is', () => {
  const maps = new Map([['index.js', {} as never]]);
  const event = `{"stack":"x","deep":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
  assert.equal(mapTraceEvent(event, maps), event);
});

test('exceptions and the errors in logs are mapped, and an event without a stack is left untouched', () => {
  const event = {
    exceptions: [{ name: 'Error', message: 'm', stack: '    at index.js:2:1', timestamp: 1 }],
    logs: [{ level: 'error', message: ['e'], errorInfo: [{ stack: '    at index.js:2:1' }], timestamp: 1 }],
  };
  const mapped = JSON.parse(mapTraceEvent(JSON.stringify(event), MAPS));
  assert.equal(mapped.exceptions[0].stack, '    at src/a.ts:3:5');
  assert.equal(mapped.logs[0].errorInfo[0].stack, '    at src/a.ts:3:5');
  const other = '{ "spaced" : 1 }';
  assert.equal(mapTraceEvent(other, MAPS), other);
});
