import { readFile } from 'node:fs/promises';
import { fileError } from '../protocol/errors.js';
import { SidecarError } from '../protocol/index.js';
import { encodingFault } from './text-file.js';

/**
 * Refuses sources that are not in UTF-8: esbuild reads them as if they were, and either fails at a place that is none
 * or puts other characters into the Worker.
 * @throws SidecarError `build-failed` with `data.errors`; `file-error`
 */
export async function requireUtf8(paths: readonly string[]): Promise<void> {
  const errors: { file: string; text: string }[] = [];
  for (const file of paths) {
    const content = await readFile(file).catch((error) => {
      throw fileError('read', file, error);
    });
    const text = encodingFault(content);
    if (text) errors.push({ file, text });
  }
  if (errors.length === 0) return;
  const listed = errors.map(({ file, text }) => `${file}: ${text}`);
  throw new SidecarError('build-failed', `Could not bundle: ${listed.join('; ')}.`, { data: { errors } });
}

/** The project's own files among what esbuild read, as paths: packages are others' business. */
export function ownSources(files: readonly string[], toPath: (file: string) => string): string[] {
  return files
    .filter((file) => /\.([cm]?[jt]sx?|json)$/.test(file) && !/(^|[\\/])node_modules[\\/]/.test(file))
    .filter((file) => !/^[\w-]{2,}:/.test(file))
    .map(toPath);
}
