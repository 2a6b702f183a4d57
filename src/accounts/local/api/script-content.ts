import type { Script } from 'cloudflare/resources/workers/scripts/scripts';
import { toHeaderText } from '../../../cloudflare/header-text.js';
import { MODULE_CONTENT_TYPES } from '../../../cloudflare/workers.js';
import { ApiError, ok } from '../envelope.js';
import { type Call, type RouteTable, read, write } from '../router.js';
import type { LocalServices } from '../services.js';
import { activeVersion, type VersionRecord, type WorkerRecord } from '../state.js';
import { calledWorker } from './called-worker.js';
import { describeScript } from './describe-script.js';
import { refusalOf } from './refusal.js';
import { readScriptUpload } from './script-upload.js';
import { addChangedVersion, etagOf, existingWorker, storeModules } from './versions.js';

const SCRIPT = '/accounts/:account/workers/scripts/:script';

/** The code of a Worker. */
export const scriptContentRoutes: RouteTable = {
  [`GET ${SCRIPT}`]: read((call, services) => content(services, calledWorker(call, services), null)),
  [`GET ${SCRIPT}/content/v2`]: read((call, services) =>
    content(services, calledWorker(call, services), call.url.searchParams.get('version')),
  ),
  'GET /accounts/:account/workers/services/:script/environments/:environment/content/v2': read(
    (call, services) => content(services, calledWorker(call, services), null),
  ),
  [`PUT ${SCRIPT}/content`]: write((call, services) => replaceContent(services, call)),
};

/** As it is when it is one module, else a form of its modules, as Cloudflare sends it. */
async function content(
  services: LocalServices,
  worker: WorkerRecord,
  versionId: string | null,
): Promise<Response> {
  const version =
    versionId === null ? activeVersion(worker) : worker.versions.find(({ id }) => id === versionId);
  if (!version) throw new ApiError(404, 10007, `The Worker ${worker.name} has no version ${versionId ?? ''}`);
  const [only] = version.modules;
  if (version.modules.length === 1 && only) {
    const headers = { 'content-type': 'application/javascript', etag: `"${version.etag}"` };
    return new Response((await services.modules.read(worker.name, only)) as Uint8Array<ArrayBuffer>, {
      headers,
    });
  }
  return formOf(services, worker, version);
}

async function formOf(
  services: LocalServices,
  worker: WorkerRecord,
  version: VersionRecord,
): Promise<Response> {
  const form = new FormData();
  for (const module of version.modules) {
    const bytes = (await services.modules.read(worker.name, module)) as Uint8Array<ArrayBuffer>;
    form.set(module.name, new File([bytes], module.name, { type: MODULE_CONTENT_TYPES[module.type] }));
  }
  return new Response(form, { headers: { 'cf-entrypoint': toHeaderText(version.mainModule) } });
}

/** Other code with the same bindings and settings, which serves at once. */
async function replaceContent(services: LocalServices, { params, request }: Call): Promise<Response> {
  const form = await readScriptUpload(request);
  const name = params.script ?? '';
  const deploying = services.deploy(async (draft) => {
    const modules = await storeModules(services, form);
    const worker = existingWorker(draft, name);
    const { mainModule, source } = form;
    addChangedVersion(worker, source, 'upload', () => ({
      mainModule,
      modules,
      etag: etagOf(mainModule, modules),
    }));
    return worker;
  });
  const { result } = await deploying.catch(refusalOf(name));
  return ok(describeScript(result) satisfies Script);
}
