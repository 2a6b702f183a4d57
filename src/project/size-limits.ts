import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { SidecarError } from '../protocol/index.js';
import type { UploadModule } from './upload.js';

const MIB = 1024 * 1024;
/** https://developers.cloudflare.com/workers/platform/limits/#worker-size */
const MAX_BYTES = 64 * MIB;
const GZIPPED_LIMITS = [
  { bytes: 10 * MIB, plan: 'every plan' },
  { bytes: 3 * MIB, plan: 'the free plan' },
];

/**
 * Tells a Worker that Cloudflare would refuse for its size before it is sent.
 * @returns a warning where it depends on the plan.
 * @throws SidecarError `limit-exceeded`.
 */
export async function checkSize(all: readonly UploadModule[]): Promise<string[]> {
  // Source maps have a limit of their own.
  const modules = all.filter(({ type }) => type !== 'sourcemap');
  const bytes = modules.reduce((sum, { content }) => sum + content.byteLength, 0);
  if (bytes > MAX_BYTES) {
    throw new SidecarError(
      'limit-exceeded',
      `The Worker's modules have ${mebibytes(bytes)} MiB and Cloudflare takes 64 at most. The largest: ${largest(modules)}.`,
      { data: { bytes, limitBytes: MAX_BYTES } },
    );
  }
  if (bytes <= 3 * MIB) return [];
  const zipped = (await promisify(gzip)(Buffer.concat(modules.map(({ content }) => content)))).byteLength;
  const over = GZIPPED_LIMITS.find((limit) => zipped > limit.bytes);
  if (!over) return [];
  return [
    `The Worker has ${mebibytes(zipped)} MiB gzipped; Cloudflare's limit on ${over.plan} is ${over.bytes / MIB} MiB. The largest: ${largest(modules)}.`,
  ];
}

function largest(modules: readonly UploadModule[]): string {
  return [...modules]
    .sort((a, b) => b.content.byteLength - a.content.byteLength)
    .slice(0, 3)
    .map(({ name, content }) => `${name} (${mebibytes(content.byteLength)} MiB)`)
    .join(', ');
}

function mebibytes(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
