import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A small Worker with a KV and an R2 binding:
 * `/count` counts in KV, `/file` writes an R2 object, `/slow` answers after 300 ms, `/boom` throws.
 */
export function writeWorkerProject(folder: string, version = 'one'): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'wrangler.jsonc'),
    `{
  // A comment, as wrangler allows them.
  "name": "my-worker",
  "main": "index.ts",
  "compatibility_date": "2026-01-01",
  "vars": { "VERSION": "${version}" },
  "kv_namespaces": [{ "binding": "VISITS" }],
  "r2_buckets": [{ "binding": "FILES" }],
}
`,
  );
  writeFileSync(
    join(folder, 'index.ts'),
    `interface Env {
  VERSION: string;
  VISITS: { get(key: string): Promise<string | null>; put(key: string, value: string): Promise<void> };
  FILES: { put(key: string, value: string): Promise<unknown>; get(key: string): Promise<{ text(): Promise<string> } | null> };
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    console.log('request', pathname);
    if (pathname === '/boom') throw new Error('as asked for');
    if (pathname === '/slow') await new Promise((resolve) => setTimeout(resolve, 300));
    if (pathname === '/count') {
      const count = Number((await env.VISITS.get('count')) ?? '0') + 1;
      await env.VISITS.put('count', String(count));
      return new Response(String(count));
    }
    if (pathname === '/file') {
      await env.FILES.put('made-by-worker.txt', 'hello from the Worker');
      return new Response((await (await env.FILES.get('made-by-api.txt'))?.text()) ?? 'nothing');
    }
    return new Response(env.VERSION);
  },
};
`,
  );
  return folder;
}
