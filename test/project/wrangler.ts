import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { HANG_MS } from '../support/until.js';

const cli = join(
  dirname(createRequire(import.meta.url).resolve('wrangler/package.json')),
  'wrangler-dist/cli.js',
);

/** What wrangler would upload for a project. */
export interface WranglerUpload {
  metadata: {
    main_module?: string;
    body_part?: string;
    bindings: Record<string, unknown>[];
    compatibility_date: string;
    compatibility_flags: string[];
  };
  /** Every other part of the upload. */
  parts: { name: string; contentType: string; content: Uint8Array }[];
  /** The names of the files that `--outdir` has. */
  files: string[];
}

/** `wrangler deploy --dry-run` of the project in `folder`; everything it writes is in `scratch` or in `folder`. */
export async function wranglerDryRun(
  folder: string,
  scratch: string,
  args: readonly string[] = [],
): Promise<WranglerUpload> {
  const bundle = join(scratch, 'bundle');
  const outdir = join(scratch, 'out');
  await mkdir(scratch, { recursive: true });
  const env = {
    PATH: process.env.PATH,
    TMPDIR: process.env.TMPDIR,
    HOME: scratch,
    XDG_CONFIG_HOME: scratch,
    CI: '1',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_HIDE_BANNER: 'true', // and with it the question at the registry for a newer version
    WRANGLER_LOG_PATH: scratch,
  };
  const run = ['--no-warnings', cli, 'deploy', '--dry-run', '--outfile', bundle, '--outdir', outdir, ...args];
  await promisify(execFile)(process.execPath, run, { cwd: folder, env, timeout: HANG_MS });
  const [form, files] = await Promise.all([
    readForm(await readFile(bundle)),
    readdir(outdir, { recursive: true }),
  ]);
  return { ...form, files };
}

async function readForm(body: Buffer): Promise<Omit<WranglerUpload, 'files'>> {
  const boundary = body.subarray(2, body.indexOf('\r\n')).toString();
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` };
  const form = await new Response(new Uint8Array(body), { headers }).formData();
  const parts: WranglerUpload['parts'] = [];
  for (const [name, part] of form) {
    if (typeof part === 'string') continue;
    parts.push({ name, contentType: part.type, content: new Uint8Array(await part.arrayBuffer()) });
  }
  return { metadata: JSON.parse(String(form.get('metadata'))), parts };
}
