import { parse } from 'es-module-lexer/js';
import { SidecarError } from '../protocol/index.js';

/**
 * Refuses a main module without a default export. A module that cannot be parsed passes: the runtime refuses it with
 * its own message, which says where and why.
 * @throws SidecarError `unsupported`.
 */
export function requireModuleFormat(name: string, source: string): void {
  if (exportedNames(source)?.includes('default') === false) throw serviceWorkerUnsupported(name);
}

function exportedNames(source: string): string[] | undefined {
  try {
    return parse(source)[1].map(({ n }) => n);
  } catch {
    return undefined;
  }
}

export function serviceWorkerUnsupported(file: string): SidecarError {
  return new SidecarError(
    'unsupported',
    `${file} has no default export. Workers in the service-worker format (addEventListener) are not supported yet: ` +
      'export the handlers, as in `export default { fetch(request, env, ctx) { … } }`.',
  );
}
