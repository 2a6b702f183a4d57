import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileError } from '../protocol/errors.js';
import { SidecarError } from '../protocol/index.js';
import type { UploadModule } from './upload.js';

const COMMENT = /\/\/# sourceMappingURL=(\S+)\s*$/;

/** The source map of a bundle, under the main module's name and with sources relative to the project's folder. */
export function bundleSourceMap(mainModule: string, map: Uint8Array): UploadModule {
  return sourceMapModule(mainModule, JSON.parse(new TextDecoder().decode(map)));
}

/**
 * The source map that a module which was built elsewhere names in its last line, as the file beside it.
 * @throws SidecarError `build-failed` for a map that is not there, is a data URL or is none; `file-error`.
 */
export async function sourceMapBeside(path: string, module: UploadModule): Promise<UploadModule[]> {
  if (module.type !== 'esm' && module.type !== 'commonjs') return [];
  const [, url] = COMMENT.exec(new TextDecoder().decode(module.content)) ?? [];
  if (url === undefined) return [];
  if (url.startsWith('data:'))
    throw unusable(path, 'it is a data URL; `upload_source_maps` needs a file beside the module');
  const { mapPath, text } = await readBeside(path, url);
  let map: unknown;
  try {
    map = JSON.parse(text);
  } catch (error) {
    throw unusable(path, `${mapPath} is not JSON`, error);
  }
  if (!isSourceMap(map)) throw unusable(path, `${mapPath} is no source map`);
  const { sourceRoot } = map;
  return [
    sourceMapModule(module.name, {
      ...map,
      ...(sourceRoot && { sourceRoot: withoutDots(sourceRoot) }),
      sources: map.sources?.map((source) => source && withoutDots(source)),
    }),
  ];
}

/** The name is a URL; some tools write it as it is on disk. */
async function readBeside(path: string, url: string): Promise<{ mapPath: string; text: string }> {
  const candidates = [...new Set([decoded(url), url])].map((name) => join(dirname(path), name));
  for (const mapPath of candidates) {
    try {
      return { mapPath, text: await readFile(mapPath, 'utf8') };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError('read', mapPath, error);
    }
  }
  throw unusable(path, `${candidates[0]} is not there`);
}

function decoded(url: string): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url;
  }
}

interface SourceMap {
  sources?: (string | null)[];
  sourceRoot?: string | null;
}

function isSourceMap(map: unknown): map is SourceMap {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return false;
  const { sources, sourceRoot } = map as Record<keyof SourceMap, unknown>;
  const areSources =
    sources === undefined ||
    (Array.isArray(sources) && sources.every((source) => source === null || typeof source === 'string'));
  return areSources && (sourceRoot === undefined || sourceRoot === null || typeof sourceRoot === 'string');
}

function sourceMapModule(moduleName: string, map: SourceMap): UploadModule {
  const content = new TextEncoder().encode(JSON.stringify({ ...map, file: moduleName }));
  return { name: `${moduleName}.map`, type: 'sourcemap', content };
}

/** Cloudflare takes sources relative to the project, and no way out of it. */
function withoutDots(path: string): string {
  return path.replace(/^(?:\.{1,2}[\\/])+/, '');
}

function unusable(path: string, why: string, cause?: unknown): SidecarError {
  return new SidecarError('build-failed', `The source map of ${path} cannot be uploaded: ${why}.`, {
    data: { errors: [{ file: path, text: why }] },
    cause,
  });
}
