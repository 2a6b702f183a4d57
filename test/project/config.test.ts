import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../../src/project/config.js';
import { projectFolder } from './project-folder.js';

const KV_ID = 'a'.repeat(32);

test('bindings of a wrangler.jsonc come out in the shape of the upload metadata', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': `{
      // comments and trailing commas are fine
      "name": "api", "main": "src/index.ts", "compatibility_date": "2026-01-02",
      "vars": { "TEXT": "hi", "JSON": { "a": [1, true, null] }, "NUMBER": 3 },
      "kv_namespaces": [{ "binding": "OLD", "id": "${KV_ID}" }, { "binding": "NEW" }],
      "r2_buckets": [{ "binding": "FILES", "bucket_name": "files", "jurisdiction": "eu" }, { "binding": "MORE" }],
      "services": [{ "binding": "AUTH", "service": "auth", "entrypoint": "Admin" }],
    }`,
  });
  const config = await readConfig(join(folder, 'wrangler.jsonc'), undefined);
  assert.equal(config.name, 'api');
  assert.equal(config.main, join(folder, 'src/index.ts'));
  assert.equal(config.compatibilityDate, '2026-01-02');
  assert.deepEqual(JSON.parse(JSON.stringify(config.bindings)), [
    { type: 'plain_text', name: 'TEXT', text: 'hi' },
    { type: 'json', name: 'JSON', json: { a: [1, true, null] } },
    { type: 'json', name: 'NUMBER', json: 3 },
    { type: 'kv_namespace', name: 'OLD', namespace_id: KV_ID },
    { type: 'kv_namespace', name: 'NEW' },
    { type: 'r2_bucket', name: 'FILES', bucket_name: 'files', jurisdiction: 'eu' },
    { type: 'r2_bucket', name: 'MORE' },
    { type: 'service', name: 'AUTH', service: 'auth', entrypoint: 'Admin' },
  ]);
  assert.deepEqual(config.warnings, []);
});

test('an environment inherits what describes the code and not its bindings, vars and define', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.toml': `
name = "api"
main = "index.ts"
compatibility_date = "2026-01-02"
compatibility_flags = ["nodejs_compat"]
minify = true
[vars]
STAGE = "top"
[define]
STAGE = '"top"'
[[kv_namespaces]]
binding = "KV"
[env.staging]
minify = false
[env.staging.vars]
STAGE = "staging"
[env.named]
name = "other"
`,
  });
  const path = join(folder, 'wrangler.toml');
  const staging = await readConfig(path, 'staging');
  assert.equal(staging.name, 'api-staging');
  assert.equal(staging.compatibilityDate, '2026-01-02');
  assert.deepEqual(staging.compatibilityFlags, ['nodejs_compat']);
  assert.equal(staging.minify, false);
  assert.deepEqual(staging.bindings, [{ type: 'plain_text', name: 'STAGE', text: 'staging' }]);
  assert.deepEqual(staging.define, {});
  assert.deepEqual(
    staging.warnings.map((warning) => /`(\w+)` is given at the top level/.exec(warning)?.[1]),
    ['define', 'kv_namespaces'],
  );
  const named = await readConfig(path, 'named');
  assert.equal(named.name, 'other');
  assert.equal(named.minify, true);
  const top = await readConfig(path, undefined);
  assert.match(top.warnings.join(), /environments staging, named, and none was asked for/);
  await assert.rejects(readConfig(path, 'prod'), (error: { code: string; message: string; data: object }) => {
    assert.equal(error.code, 'config-invalid');
    assert.match(error.message, /no environment `prod`. It has: staging, named/);
    return true;
  });
});

const INVALID = [
  {
    title: 'a field of the wrong type in JSON is told with its line',
    file: 'wrangler.jsonc',
    text: '{\n  "name": "api",\n  "kv_namespaces": [\n    { "binding": "A" },\n    { "binding": 7 }\n  ]\n}',
    field: 'kv_namespaces[1].binding',
    line: 5,
  },
  {
    title: 'a field of the wrong type in TOML is told with its line',
    file: 'wrangler.toml',
    text: 'name = "api"\n\n[[kv_namespaces]]\nbinding = "A"\n\n[[kv_namespaces]]\nid = 1\nbinding = "B"\n',
    field: 'kv_namespaces[1].id',
    line: 7,
  },
  {
    title: 'a field of the wrong type in an environment is told with its line',
    file: 'wrangler.json',
    text: '{\n "name": "api",\n "env": {\n  "staging": {\n   "minify": "yes"\n  }\n }\n}',
    field: 'env.staging.minify',
    line: 5,
  },
  {
    title: 'JSON that cannot be parsed is told with line and column',
    file: 'wrangler.jsonc',
    text: '{\n  "name": "api"\n  "main": "x"\n}',
    line: 3,
  },
  {
    title: 'TOML that cannot be parsed is told with its line',
    file: 'wrangler.toml',
    text: 'a = 1\nb = \n',
    line: 2,
  },
  { title: 'an empty configuration is refused', file: 'wrangler.json', text: '', line: 1 },
];

for (const { title, file, text, field, line } of INVALID) {
  test(title, async (t) => {
    const folder = await projectFolder(t, { [file]: text });
    const path = join(folder, file);
    await assert.rejects(
      readConfig(path, undefined),
      (error: { code: string; message: string; data: Record<string, unknown> }) => {
        assert.equal(error.code, 'config-invalid');
        assert.equal(error.data.file, path);
        assert.equal(error.data.line, line);
        assert.equal(error.data.field, field);
        assert.ok(error.message.includes(`${path}:${line}`), error.message);
        return true;
      },
    );
  });
}

test('a binding of an unsupported kind is refused by its name', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc': JSON.stringify({
      name: 'api',
      d1_databases: [{ binding: 'DB', database_id: 'x' }],
      durable_objects: { bindings: [{ name: 'ROOMS', class_name: 'Room' }] },
      queues: { producers: [{ binding: 'JOBS', queue: 'jobs' }], consumers: [{ queue: 'in' }] },
      ai: { binding: 'AI' },
      workflows: [],
    }),
  });
  await assert.rejects(
    readConfig(join(folder, 'wrangler.jsonc'), undefined),
    (error: { code: string; message: string }) => {
      assert.equal(error.code, 'unsupported');
      for (const name of ['`DB`', '`ROOMS`', '`JOBS`', '`in`', '`AI`'])
        assert.ok(error.message.includes(name), name);
      assert.ok(!error.message.includes('workflow'));
      return true;
    },
  );
});

test('static assets at the top level are refused in an environment too', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.json': JSON.stringify({ name: 'a', assets: { directory: './public' }, env: { e: {} } }),
  });
  await assert.rejects(readConfig(join(folder, 'wrangler.json'), 'e'), { code: 'unsupported' });
});

test('fields that are unknown or not applied are warnings with their lines', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc':
      '{\n "$schema": "x",\n "name": "api",\n "migrations": [{ "tag": "v1" }],\n "nmae": "api",\n' +
      ' "kv_namespaces": [{ "binding": "A", "titel": "x" }],\n "env": { "e": {\n "routes": ["a"] } }\n}',
  });
  const path = join(folder, 'wrangler.jsonc');
  assert.deepEqual((await readConfig(path, 'e')).warnings.slice(0, 4), [
    `${path}:4: \`migrations\` is not applied by this deploy.`,
    `${path}:5: \`nmae\` is unknown and was ignored.`,
    `${path}:6: \`titel\` of kv_namespaces is unknown and was ignored.`,
    `${path}:8: \`routes\` is not applied by this deploy.`,
  ]);
});

test('keys named __proto__ and constructor are only keys', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.jsonc':
      '{ "name": "api", "__proto__": { "polluted": 1 }, "constructor": 1, "vars": { "constructor": "x" } }',
  });
  const path = join(folder, 'wrangler.jsonc');
  const config = await readConfig(path, undefined);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  assert.deepEqual(config.bindings, [{ type: 'plain_text', name: 'constructor', text: 'x' }]);
  await assert.rejects(readConfig(path, '__proto__'), { code: 'config-invalid' });
});

test('one binding name given twice is refused', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.json': JSON.stringify({ name: 'a', vars: { X: '1' }, kv_namespaces: [{ binding: 'X' }] }),
  });
  await assert.rejects(readConfig(join(folder, 'wrangler.json'), undefined), { code: 'config-invalid' });
});

test('a byte order mark is no part of the configuration', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.json': '\uFEFF{ "name": "a" }',
    'wrangler.toml': '\uFEFFname = "b"',
  });
  assert.equal((await readConfig(join(folder, 'wrangler.json'), undefined)).name, 'a');
  assert.equal((await readConfig(join(folder, 'wrangler.toml'), undefined)).name, 'b');
});
