import { TraceMap, traceSegment } from '@jridgewell/trace-mapping';
import { isTextDeeperThan, MAX_DEPTH } from '../../protocol/index.js';
import { type Place, replacePlaces } from './stack-places.js';
import { WORKER_SERVICE_PREFIX } from './workerd/service-names.js';

/** The source maps of one Worker, by each name that stack traces have for the module it is for. */
export type WorkerSourceMaps = ReadonlyMap<string, TraceMap>;

/** Modules have URLs below it with workerd's flag `new_module_registry`. */
const REGISTRY_URL = 'file:///bundle/';
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

interface UploadedModule {
  name: string;
  type: string;
  content: Uint8Array;
}

/**
 * Reads the source maps among a Worker's modules, each called `<module>.map`. The one script of a Worker in the
 * service-worker format has no name of its own: stack traces call it by the service, `worker:<name>`.
 * @throws SyntaxError, TypeError for one that is no source map.
 */
export function readSourceMaps(
  workerName: string,
  mainModule: string,
  modules: readonly UploadedModule[],
): WorkerSourceMaps {
  const maps = new Map<string, TraceMap>();
  for (const { name, type, content } of modules) {
    if (type === 'sourcemap') maps.set(name.replace(/\.map$/, ''), readSourceMap(name, content));
  }
  const main = maps.get(mainModule);
  if (main && modules.some(({ name, type }) => name === mainModule && type === 'commonjs')) {
    maps.set(WORKER_SERVICE_PREFIX + workerName, main);
  }
  for (const [name, map] of [...maps]) {
    const url = registryUrl(name);
    if (!maps.has(url)) maps.set(url, map);
  }
  return maps;
}

/** A trace event whose stack traces say where the author's own sources stand, as Cloudflare's say it. */
export function mapTraceEvent(eventJson: string, maps: WorkerSourceMaps): string {
  // Most events have no stack, and are not parsed for it.
  if (maps.size === 0 || !eventJson.includes('"stack":"')) return eventJson;
  // Deeper than a tail sends: V8 could not write it again.
  if (isTextDeeperThan(eventJson, MAX_DEPTH)) return eventJson;
  return JSON.stringify(JSON.parse(eventJson), (key, value: unknown) =>
    key === 'stack' && typeof value === 'string' ? mapStack(value, maps) : value,
  );
}

/** A stack trace with each position that a source map knows put back to where it was written. */
export function mapStack(stack: string, maps: WorkerSourceMaps): string {
  return replacePlaces(stack, maps, originalPlace);
}

function readSourceMap(name: string, content: Uint8Array): TraceMap {
  const map = JSON.parse(new TextDecoder().decode(content));
  if (typeof map?.mappings !== 'string') throw new SyntaxError(`${name} has no \`mappings\``);
  return new TraceMap(map);
}

/** As V8 is told it: percent-encoded, without a query or hash. */
function registryUrl(name: string): string {
  if (!URL.canParse(name, REGISTRY_URL)) return name;
  const url = new URL(name, REGISTRY_URL);
  url.search = '';
  url.hash = '';
  return url.href;
}

/** V8 counts lines and columns from 1, source maps from 0. What an app made up itself may count from anywhere. */
function originalPlace({ line, column }: Omit<Place, 'file'>, map: TraceMap): Place | undefined {
  if (line < 1 || column < 1) return undefined;
  const [, source, originalLine = 0, originalColumn = 0] = traceSegment(map, line - 1, column - 1) ?? [];
  const file = source === undefined ? undefined : sourceName(map, source);
  return file === undefined ? undefined : { file, line: originalLine + 1, column: originalColumn + 1 };
}

/** A source's name is a URL in its map. A name that was never encoded stays, as does one that would break a line. */
function sourceName({ sources, resolvedSources }: TraceMap, index: number): string | undefined {
  if (typeof sources[index] !== 'string') return undefined;
  // esbuild writes the dot before a name that begins as a URL does.
  const source = (resolvedSources[index] ?? '').replace(/^\.\//, '');
  try {
    const name = decodeURIComponent(source);
    return CONTROL.test(name) ? source : name;
  } catch {
    return source;
  }
}
