import { parse } from 'es-module-lexer/js';
import type { WorkerFormat } from './worker-format.js';
import { requireListener } from './worker-format.js';

/**
 * The format of a main module that is given as text. A module that cannot be parsed counts as one: the runtime refuses
 * it with its own message, which says where and why.
 * @throws SidecarError `unsupported` when it neither has a default export nor listens to an event.
 */
export function formatOfSource(name: string, source: string): WorkerFormat {
  const names = exportedNames(source);
  if (names === undefined || names.includes('default')) return 'modules';
  requireListener(name, source);
  return 'service-worker';
}

function exportedNames(source: string): string[] | undefined {
  try {
    return parse(source)[1].map(({ n }) => n);
  } catch {
    return undefined;
  }
}
