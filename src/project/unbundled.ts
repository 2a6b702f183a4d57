import { SidecarError } from '../protocol/index.js';
import {
  type AdditionalModule,
  additionalModules,
  type ModuleRoot,
  moduleName,
  readModule,
} from './additional-modules.js';
import type { Bundle } from './bundle.js';
import type { ProjectConfig } from './config.js';
import { globalName } from './module-collector.js';
import { moduleRules } from './module-rules.js';
import { sourceMapBeside } from './source-map-files.js';
import type { UploadModule } from './upload.js';
import { requireListener, type WorkerFormat } from './worker-format.js';

/**
 * A project with `no_bundle`: the entry as it is and the files below the module root that match a rule, under their
 * relative paths, with the source maps they name where those are wanted.
 * @throws SidecarError `build-failed`, `config-invalid`, `unsupported`, `file-error`, `cancelled`.
 */
export async function unbundled(
  where: ModuleRoot,
  format: WorkerFormat,
  config: Pick<ProjectConfig, 'rules' | 'uploadSourceMaps'>,
  signal: AbortSignal,
): Promise<Bundle> {
  const content = await readModule(where.entry);
  if (format === 'service-worker') requireListener(where.entry, new TextDecoder().decode(content));
  const mainModule = moduleName(where.root, where.entry);
  const main = { name: mainModule, type: format === 'modules' ? 'esm' : 'commonjs', content } as const;
  const files = [
    { ...main, path: where.entry },
    ...(await additionalModules(where, moduleRules(config.rules), signal)),
  ];
  const modules: UploadModule[] =
    format === 'modules'
      ? files.map(({ name, type, content }) => ({ name, type, content }))
      : [main, ...files.slice(1).map(asGlobal)];
  if (config.uploadSourceMaps) {
    for (const file of files) modules.push(...(await sourceMapBeside(file.path, file)));
  }
  return { mainModule, modules, warnings: [] };
}

/** A service worker sees a file as a global, and can import no code. */
function asGlobal({ name, type, content, path }: AdditionalModule): UploadModule {
  if (type !== 'esm' && type !== 'commonjs') return { name: globalName(name), type, content };
  throw new SidecarError(
    'config-invalid',
    `${path} matches a module rule, and a Worker in the service-worker format has one script. Export the handlers, as in ` +
      '`export default { fetch(request, env, ctx) { … } }`, or leave the file out of `rules`.',
    { data: { file: path, field: 'rules' } },
  );
}
