// What our cloud account sends for a deploy, a redeploy and a tail, compared field by field with what wrangler sends
// for the same project. Every difference that is left stands below, with its reason.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import type { TailSource } from '../../src/accounts/account.js';
import { openCloudAccount } from '../../src/accounts/cloud.js';
import { createLocalKvNamespace } from '../../src/accounts/local/create-kv-namespace.js';
import { createR2Bucket } from '../../src/cloudflare/r2.js';
import { parseParams } from '../../src/protocol/index.js';
import { createHandlers } from '../../src/server/handlers/index.js';
import { createServices } from '../../src/server/services.js';
import { collect, never, until } from '../accounts/local/fixture.js';
import { callContext } from '../support/call-context.js';
import { heldToContract } from '../support/listed-errors.js';
import { createRecorder, type Recorded } from './recorder.js';
import { createWrangler } from './wrangler.js';

const KV_ID = 'ab'.repeat(16);
const config = JSON.stringify({
  name: 'same',
  main: 'src/index.ts',
  compatibility_date: '2026-01-01',
  compatibility_flags: ['nodejs_als'],
  vars: { TEXT: 'text', JSON: { a: [1] } },
  kv_namespaces: [{ binding: 'KV', id: KV_ID }],
  r2_buckets: [{ binding: 'R2', bucket_name: 'same-bucket' }],
});
const source = (text: string) => `
  import words from './words.txt';
  export default {
    async fetch(request: Request): Promise<Response> {
      console.log('called');
      return new Response('${text}' + words);
    },
  };`;

const theirs = await createRecorder({ after });
const ours = await createRecorder({ after });
for (const { api } of [theirs, ours]) {
  await createLocalKvNamespace(api, KV_ID, never());
  await createR2Bucket(api, { name: 'same-bucket' }, never());
}
const wrangler = await createWrangler({ after }, theirs.socketPath);
await wrangler.write({ 'wrangler.json': config, 'src/index.ts': source('one'), 'src/words.txt': 'words' });

const account = await openCloudAccount({
  credentials: { apiToken: 'token', source: 'test' },
  accountId: ours.api.accountId,
  baseURL: ours.baseUrl,
  log: () => {},
});
after(() => account.close());
const handlers = heldToContract(
  createHandlers(createServices({ openAccount: async () => account, cwd: wrangler.project, log: () => {} })),
);
const deploy = (message?: string) =>
  handlers['dashboard.deployWorker'](parseParams('dashboard.deployWorker', { message }), callContext());

/** The fields in which two requests differ, and the requests that only one side makes. */
function differences(wranglers: Recorded[], own: Recorded[]): string[] {
  const found: string[] = [];
  const unmatched = [...own];
  for (const request of wranglers) {
    const at = unmatched.findIndex(({ name }) => name === request.name);
    const [other] = at < 0 ? [] : unmatched.splice(at, 1);
    if (other) found.push(...fieldDifferences(request, other));
    else found.push(`${request.name}: only wrangler`);
  }
  found.push(...unmatched.map(({ name }) => `${name}: only ours`));
  return [...new Set(found)].sort();
}

function fieldDifferences(request: Recorded, other: Recorded): string[] {
  const fields = new Set([...Object.keys(request.fields), ...Object.keys(other.fields)]);
  return [...fields].flatMap((field) => {
    const [a, b] = [request.fields[field], other.fields[field]].map((value) => JSON.stringify(value));
    return a === b ? [] : [`${request.name}: ${field}: ${a} / ${b}`];
  });
}

/** Fails for a difference without a reason, and for a reason whose difference is gone. */
function assertDiffer(found: string[], reasons: Readonly<Record<string, string>>): void {
  assert.deepEqual(found, Object.keys(reasons).sort());
}

const upload = (request: string) => ({
  [`${request}: metadata.keep_bindings.0: undefined / "secret_text"`]:
    'Secrets stay with either: Cloudflare keeps them when nothing is said. We say it, as `wrangler versions upload` does.',
  [`${request}: metadata.keep_bindings.1: undefined / "secret_key"`]: 'The same.',
  [`${request}: part index.js source map comment: "//# sourceMappingURL=index.js.map\\n" / undefined`]:
    'wrangler names a source map that it does not upload without `upload_source_maps`; we do not.',
});
const QUESTIONS = {
  'GET /workers/scripts/same/deployments: only wrangler':
    'It warns before it overwrites what was deployed by other means; a sidecar has nobody to warn.',
  'GET /workers/scripts/same/settings: only wrangler':
    'It looks for bindings to inherit and to create; we look only when the configuration has such bindings.',
  'GET /workers/scripts/same/subdomain: only wrangler': 'It tells whether workers.dev was switched over.',
};

test('a first deploy', async () => {
  await wrangler.run(['deploy', '--message', 'first']);
  await deploy('first');
  assert.equal(await ours.invoke('same'), 'onewords');
  assertDiffer(differences(theirs.take(), ours.take()), {
    ...QUESTIONS,
    ...upload('PUT /workers/scripts/same'),
    'GET /r2/buckets/same-bucket: only wrangler':
      'It creates a bucket that is not there; Cloudflare refuses a binding to one by its name (10085), which we pass on.',
  });
});

test('a redeploy', async () => {
  await wrangler.write({ 'src/index.ts': source('two') });
  await wrangler.run(['deploy', '--message', 'second']);
  await deploy('second');
  assert.equal(await ours.invoke('same'), 'twowords');
  assertDiffer(differences(theirs.take(), ours.take()), {
    ...QUESTIONS,
    ...upload('POST /workers/scripts/same/versions'),
  });
});

test('a tail with filters', async () => {
  const child = wrangler.start([
    'tail',
    'same',
    '--format',
    'json',
    '--status',
    'ok',
    '--method',
    'GET',
    '--search',
    'called',
  ]);
  const closed = once(child, 'close');
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  const sink = collect();
  let tail: TailSource | undefined;
  try {
    tail = await account.openTail(
      { workerName: 'same', status: ['ok'], method: ['GET'], search: 'called' },
      sink,
      never(),
    );
    await until(async () => {
      await Promise.allSettled([theirs, ours].map(({ invoke }) => invoke('same')));
      return output.includes('called') && sink.events.length > 0;
    }, 'an event for each');
  } finally {
    child.kill('SIGINT');
    await tail?.close();
  }
  await closed;
  // Interrupted, wrangler may end before its DELETE has left.
  const wranglers = theirs.take().filter(({ name }) => !name.startsWith('DELETE'));
  assertDiffer(differences(wranglers, ours.take()), {
    'DELETE /workers/scripts/same/tails/<id>: only ours': 'A tail that is stopped is deleted.',
    'POST /workers/scripts/same/tails: content-type: "text/plain;charset=UTF-8" / "application/json"':
      'The body is JSON, and we say so.',
  });
});
