// `npm run test:cloud`: every product once against a real Cloudflare account, by the library as it is published. It
// makes, tails and deletes names of its own alone, and prints a page that can be committed as docs/cloud-run.md.
// Needs CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID.
import { randomBytes } from 'node:crypto';
import type { TauriSidecar } from '../../bridge/index.js';
import { importLibrary } from '../support/built.js';

const name = `ff-check-${randomBytes(6).toString('hex')}`;
const SCRIPT = `export default {
  async fetch(request, env) {
    console.log('seen', new URL(request.url).pathname);
    await env.KV.put('from-the-worker', 'hello');
    return Response.json({ kv: await env.KV.get('from-us'), text: env.TEXT });
  },
};`;

/** Throws where an answer is wrong; returns what is worth telling. `skipped: ` says that the account has no such thing. */
type Step = (sidecar: TauriSidecar) => Promise<string>;

let namespaceId = '';
let url: string | undefined;

const STEPS: Record<string, Step> = {
  async 'the account is on Cloudflare'(sidecar) {
    return expect(sidecar.account?.kind, 'cloud');
  },
  async 'dashboard.getData has every product'(sidecar) {
    const { errors, workers } = await sidecar.call('dashboard.getData');
    // Many tokens may not read the analytics.
    const failed = errors.filter(({ product }) => product !== 'analytics');
    expect(failed.map(({ message }) => message).join('; '), '');
    return `${workers.length} Workers${errors.length > 0 ? ', without analytics' : ''}`;
  },
  async 'a KV namespace is created and listed'(sidecar) {
    ({
      namespace: { id: namespaceId },
    } = await sidecar.call('dashboard.createKvNamespace', { title: name }));
    const found = (await sidecar.call('dashboard.listKvNamespaces')).find(({ id }) => id === namespaceId);
    return expect(found?.title, name);
  },
  async 'a KV value is written, listed, read and deleted'(sidecar) {
    await sidecar.call('kv.put', { namespaceId, key: 'from-us', value: 'grüße', metadata: { a: 1 } });
    await sidecar.call('kv.put', { namespaceId, key: 'a b/ü?', value: 'odd' });
    expect((await sidecar.call('kv.get', { namespaceId, key: 'from-us' })).value, 'grüße');
    expect((await sidecar.call('kv.get', { namespaceId, key: 'a b/ü?' })).value, 'odd');
    await sidecar.call('kv.delete', { namespaceId, key: 'a b/ü?' });
    return 'text and an odd key';
  },
  async 'a bucket is created, an object written, read, listed and deleted'(sidecar) {
    await sidecar.call('dashboard.createR2Bucket', { name });
    const httpMetadata = { contentType: 'text/plain' };
    await sidecar.call('r2.putObject', { bucket: name, key: 'a/ü', body: 'grüße', httpMetadata });
    expect((await sidecar.call('r2.getObject', { bucket: name, key: 'a/ü' })).body, 'grüße');
    const { items } = await sidecar.call('r2.listObjects', { bucket: name, prefix: 'a/' });
    expect(items.map(({ key }) => key).join(), 'a/ü');
    await sidecar.call('r2.deleteObject', { bucket: name, key: 'a/ü' });
    return 'text with a content type';
  },
  async 'a Worker with bindings is deployed'(sidecar) {
    const bindings = [
      { type: 'kv_namespace' as const, name: 'KV', namespace_id: namespaceId },
      { type: 'plain_text' as const, name: 'TEXT', text: 'one' },
    ];
    const deployed = await sidecar.call('dashboard.deployWorker', { name, script: SCRIPT, bindings });
    url = deployed.url;
    return deployed.warnings.join(' ') || `version ${deployed.version}`;
  },
  async 'it is tailed while it answers'(sidecar) {
    if (url === undefined) return 'skipped: the account has no workers.dev subdomain';
    const tail = sidecar.tailLogs({ workerName: name });
    await tail.ready;
    const body = await answer(sidecar, `/tailed`);
    expect(body, '{"kv":"grüße","text":"one"}');
    const seen = await firstLog(tail);
    return expect(seen, '/tailed');
  },
  async 'it is deployed again, and serves the new version'(sidecar) {
    await sidecar.call('dashboard.deployWorker', { name, script: SCRIPT.replace('env.TEXT', "'two'") });
    const listed = (await sidecar.call('dashboard.listWorkers')).find((worker) => worker.name === name);
    return expect(listed?.name, name);
  },
};

const CLEAN_UP: Record<string, Step> = {
  async 'the Worker is deleted'(sidecar) {
    await sidecar.call('dashboard.deleteWorker', { name });
    const left = (await sidecar.call('dashboard.listWorkers')).some((worker) => worker.name === name);
    return expect(left, false);
  },
  async 'the bucket is deleted'(sidecar) {
    await sidecar.call('dashboard.deleteR2Bucket', { name });
    const left = (await sidecar.call('dashboard.listR2Buckets')).some((bucket) => bucket.name === name);
    return expect(left, false);
  },
  async 'the KV namespace is deleted'(sidecar) {
    await sidecar.call('dashboard.deleteKvNamespace', { id: namespaceId });
    const left = (await sidecar.call('dashboard.listKvNamespaces')).some(({ id }) => id === namespaceId);
    return expect(left, false);
  },
};

function expect<T>(actual: T, expected: T): string {
  if (actual !== expected)
    throw new Error(`${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);
  return String(expected);
}

/** A new Worker takes a moment until workers.dev knows it. */
async function answer(sidecar: TauriSidecar, path: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const { status, body } = await sidecar.call('dashboard.invokeWorker', { name, url: path });
    if (status === 200) return body;
    if (attempt === 30) throw new Error(`it answers ${status}: ${body.slice(0, 200)}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function firstLog(tail: ReturnType<TauriSidecar['tailLogs']>): Promise<string> {
  const timer = setTimeout(() => tail.stop(new Error('no trace event within 60 s') as never), 60_000);
  try {
    for await (const event of tail) {
      if (!('logs' in event)) continue;
      const message = event.logs.find((log) => JSON.stringify(log.message).includes('seen'))?.message;
      if (Array.isArray(message)) return String(message[1]);
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error('the tail ended');
}

async function run(sidecar: TauriSidecar, steps: Record<string, Step>): Promise<boolean> {
  let good = true;
  for (const [title, step] of Object.entries(steps)) {
    const startedMs = performance.now();
    const told = await step(sidecar).catch((error: Error) => {
      good = false;
      return `**failed**: ${error.message}`;
    });
    console.log(
      `| ${title} | ${told.replaceAll('|', '\\|')} | ${Math.round(performance.now() - startedMs)} |`,
    );
  }
  return good;
}

const { TauriSidecar: Sidecar } = await importLibrary();
const sidecar = new Sidecar({ account: 'cloud', restartDelay: 100 });
await sidecar.start();
const { version, node } = await sidecar.call('system.version');
console.log(`# A run against Cloudflare

${new Date().toISOString().slice(0, 10)}, fluorite-flake ${version}, Node ${node}, ${process.platform}-${process.arch}.

| step | outcome | ms |
|---|---|---|`);
let good = false;
try {
  good = await run(sidecar, STEPS);
} finally {
  const cleaned = await run(sidecar, CLEAN_UP);
  await sidecar.stop();
  process.exitCode = good && cleaned ? 0 : 1;
}
