import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { isTextDeeperThan, MAX_DEPTH } from '../../protocol/index.js';
import { WORKER_SERVICE_PREFIX } from './workerd/service-names.js';

/** The source maps of one Worker, by the name of the module each is for. */
export type WorkerSourceMaps = ReadonlyMap<string, TraceMap>;

const FRAME = /^(\s+at .*?)([^\s()]+):(\d+):(\d+)(\)?)$/;
/** A longer line is no frame, and would take the pattern long. */
const MAX_FRAME_LENGTH = 1000;

interface UploadedModule {
  name: string;
  type: string;
  content: Uint8Array;
}

/**
 * Reads the source maps among a Worker's modules, each called `<module>.map`. The one script of a Worker in the
 * service-worker format has no name of its own: stack traces call it by the service, `worker:<name>`.
 * @throws SyntaxError for one that is no source map.
 */
export function readSourceMaps(
  workerName: string,
  mainModule: string,
  modules: readonly UploadedModule[],
): WorkerSourceMaps {
  const maps = new Map<string, TraceMap>();
  for (const { name, type, content } of modules) {
    if (type !== 'sourcemap') continue;
    maps.set(name.replace(/\.map$/, ''), new TraceMap(new TextDecoder().decode(content)));
  }
  const main = maps.get(mainModule);
  if (main && modules.some(({ name, type }) => name === mainModule && type === 'commonjs')) {
    maps.set(WORKER_SERVICE_PREFIX + workerName, main);
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
  return stack
    .split('\n')
    .map((line) => (line.length > MAX_FRAME_LENGTH ? line : mapFrame(line, maps)))
    .join('\n');
}

function mapFrame(frame: string, maps: WorkerSourceMaps): string {
  const [, before, file = '', line, column, after] = FRAME.exec(frame) ?? [];
  const map = maps.get(file);
  if (!map) return frame;
  // V8 counts columns from 1, source maps from 0.
  const position = originalPositionFor(map, { line: Number(line), column: Number(column) - 1 });
  if (position.source === null) return frame;
  return `${before}${position.source}:${position.line}:${position.column + 1}${after}`;
}
