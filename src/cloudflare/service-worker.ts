import type { ScriptUpload } from './upload-form.js';

/** The binding that each kind of file is to a service worker, which cannot import. */
export const PART_BINDINGS = { wasm: 'wasm_module', text: 'text_blob', data: 'data_blob' } as const;

/** Whether a Worker has the service-worker format: its main module is a script. */
export function isServiceWorker({
  mainModule,
  modules,
}: Pick<ScriptUpload, 'mainModule' | 'modules'>): boolean {
  return modules.find(({ name }) => name === mainModule)?.type === 'commonjs';
}

/**
 * What the metadata of an upload says of the code: the main module, or for a service worker its script and a binding for
 * each other file, which names the part that holds it.
 */
export function codeMetadata(upload: Pick<ScriptUpload, 'mainModule' | 'modules' | 'bindings'>) {
  const { mainModule, modules, bindings } = upload;
  if (!isServiceWorker(upload)) return { main_module: mainModule, bindings };
  const parts = modules.flatMap(({ name, type }) =>
    type in PART_BINDINGS
      ? [{ name, type: PART_BINDINGS[type as keyof typeof PART_BINDINGS], part: name }]
      : [],
  );
  return { body_part: mainModule, bindings: [...bindings, ...parts] };
}
