import assert from 'node:assert/strict';
import { test } from 'node:test';
import { devVars } from '../../src/project/dev-vars.js';
import { prepareUpload } from '../../src/project/prepare-upload.js';
import { parseParams } from '../../src/protocol/index.js';
import { projectFolder, WORKER } from './project-folder.js';

const values = ({ bindings }: Awaited<ReturnType<typeof devVars>>) =>
  Object.fromEntries(bindings.map((one) => [one.name, one.type === 'secret_text' ? one.text : one.type]));

test('.dev.vars are secrets, those of the environment in place of the general ones', async (t) => {
  const folder = await projectFolder(t, {
    '.dev.vars': 'A=1\nexport B="two words" # a comment\nC=\'$A\'\nD="line\\nline"\n',
    '.dev.vars.staging': 'A=staging\n',
    '.env': 'E=ignored beside .dev.vars\n',
  });
  const plain = { A: '1', B: 'two words', C: '$A', D: 'line\nline' };
  assert.deepEqual(values(await devVars(folder, undefined, undefined)), plain);
  assert.deepEqual(values(await devVars(folder, 'staging', undefined)), { A: 'staging' });
  assert.deepEqual(values(await devVars(folder, 'other', undefined)), plain);
});

test('without .dev.vars the .env files are read, the later over the earlier, and references in them are followed', async (t) => {
  const folder = await projectFolder(t, {
    '.env': 'HOST=example.com\nURL=https://$HOST/\nA=env\nHOME_OF=$HOME\n',
    '.env.local': 'A=local\n',
    '.env.staging': 'A=staging\nB=staging\n',
    '.env.staging.local': 'B=staging local\n',
  });
  const top = { HOST: 'example.com', URL: 'https://example.com/', A: 'local', HOME_OF: '' };
  assert.deepEqual(values(await devVars(folder, undefined, undefined)), top);
  const staging = { ...top, A: 'staging', B: 'staging local' };
  assert.deepEqual(values(await devVars(folder, 'staging', undefined)), staging);
});

test("the user's own credentials in .env reach no Worker", async (t) => {
  const folder = await projectFolder(t, {
    '.env': 'CLOUDFLARE_API_TOKEN=t\nCLOUDFLARE_ACCOUNT_ID=a\nCF_API_TOKEN=t\nMINE=1\n',
  });
  assert.deepEqual(values(await devVars(folder, undefined, undefined)), { MINE: '1' });
});

test('only the required secrets are taken where the configuration lists them, and a missing one is told', async (t) => {
  const folder = await projectFolder(t, { '.dev.vars': 'A=1\nB=2\n' });
  const found = await devVars(folder, undefined, ['A', 'MISSING']);
  assert.deepEqual(values(found), { A: '1' });
  assert.deepEqual(found.warnings.length, 1);
  assert.match(found.warnings[0] ?? '', /MISSING is required/);
});

test('secrets of local development are for the local account alone, and win over vars but not over the call', async (t) => {
  const folder = await projectFolder(t, {
    'wrangler.json': JSON.stringify({
      name: 'app',
      main: 'index.ts',
      compatibility_date: '2026-01-02',
      vars: { A: 'var', B: 'var', C: 'var' },
    }),
    'index.ts': WORKER,
    '.dev.vars': 'A=secret\nB=secret\n',
  });
  const bindings = async (account: 'local' | 'cloud') => {
    const params = parseParams('dashboard.deployWorker', { cwd: folder, vars: { B: 'call' } });
    const context = { cwd: '/', signal: new AbortController().signal, progress: () => {} };
    return (await prepareUpload(params, { ...context, account: async () => account })).bindings;
  };
  assert.deepEqual(await bindings('local'), [
    { type: 'secret_text', name: 'A', text: 'secret' },
    { type: 'plain_text', name: 'B', text: 'call' },
    { type: 'plain_text', name: 'C', text: 'var' },
  ]);
  assert.deepEqual(await bindings('cloud'), [
    { type: 'plain_text', name: 'A', text: 'var' },
    { type: 'plain_text', name: 'B', text: 'call' },
    { type: 'plain_text', name: 'C', text: 'var' },
  ]);
});

test('a .dev.vars that cannot be read is an error, not an empty one', async (t) => {
  const folder = await projectFolder(t, { '.dev.vars/a': '' });
  await assert.rejects(devVars(folder, undefined, undefined), { code: 'file-error' });
});
