import type { ScheduleGetResponse } from 'cloudflare/resources/workers/scripts/schedules';
import type { ScriptAndVersionSettingEditResponse } from 'cloudflare/resources/workers/scripts/script-and-version-settings';
import type { SubdomainGetResponse } from 'cloudflare/resources/workers/scripts/subdomain';
import { SidecarError } from '../../../protocol/index.js';
import { ApiError, jsonBody, jsonObject, ok, readForm } from '../envelope.js';
import { type Call, type RouteTable, read, write } from '../router.js';
import type { LocalServices } from '../services.js';
import type { WorkerRecord } from '../state.js';
import { calledWorker } from './called-worker.js';
import { describeScriptSettings, describeSettings } from './describe-script.js';
import { bindingsOf, readJsonPart, resolveBindings, sourceOf } from './script-upload.js';
import { addChangedVersion, existingWorker } from './versions.js';

const SCRIPT = '/accounts/:account/workers/scripts/:script';
const OFF: SubdomainGetResponse = { enabled: false, previews_enabled: false };

/** The settings of a Worker, and how it is reached and triggered: by nothing but `invoke` here. */
export const scriptSettingsRoutes: RouteTable = {
  [`GET ${SCRIPT}/settings`]: read((call, services) => ok(describeSettings(calledWorker(call, services)))),
  [`PATCH ${SCRIPT}/settings`]: write((call, services) => changeSettings(services, call)),
  [`GET ${SCRIPT}/script-settings`]: read((call, services) =>
    ok(describeScriptSettings(calledWorker(call, services))),
  ),
  [`PATCH ${SCRIPT}/script-settings`]: write((call, services) => changeScriptSettings(services, call)),
  [`GET ${SCRIPT}/subdomain`]: read((call, services) => {
    calledWorker(call, services);
    return ok(OFF);
  }),
  [`DELETE ${SCRIPT}/subdomain`]: write((call, services) => {
    calledWorker(call, services);
    return ok(OFF);
  }),
  [`POST ${SCRIPT}/subdomain`]: write(async (call, services) => {
    calledWorker(call, services);
    const { enabled } = await jsonObject(call.request);
    if (enabled === true) throw noSubdomain();
    return ok(OFF);
  }),
  // Not 10007, which has wrangler offer to register one.
  'GET /accounts/:account/workers/subdomain': read(() => {
    throw noSubdomain();
  }),
  [`GET ${SCRIPT}/schedules`]: read((call, services) => {
    calledWorker(call, services);
    return ok({ schedules: [] } satisfies ScheduleGetResponse);
  }),
  [`PUT ${SCRIPT}/schedules`]: write(async (call, services) => {
    calledWorker(call, services);
    const schedules = await jsonBody(call.request);
    if (Array.isArray(schedules) && schedules.length === 0) {
      return ok({ schedules: [] } satisfies ScheduleGetResponse);
    }
    throw new SidecarError(
      'unsupported',
      'The local account starts no cron triggers. Leave them out, or use the cloud account.',
    );
  }),
};

function noSubdomain(): ApiError {
  return new ApiError(
    404,
    7000,
    'The local account has no workers.dev subdomain: nothing of it listens on a network. Set "workers_dev": false, and call its Workers with `fluorite-flake workers invoke`',
  );
}

/** Settings of the Worker take effect at once; those of a version make a new one, which serves. */
async function changeSettings(services: LocalServices, { params, request }: Call): Promise<Response> {
  const name = params.script ?? '';
  const settings = await readJsonPart(await readForm(request, 10021), 'settings');
  const source = sourceOf(request);
  const { result } = await services.deploy((draft) => {
    const worker = existingWorker(draft, name);
    setScriptSettings(worker, settings);
    if (!('bindings' in settings || 'compatibility_date' in settings || 'compatibility_flags' in settings)) {
      return worker;
    }
    addChangedVersion(worker, source, 'settings', (before) => ({
      ...(Array.isArray(settings.bindings) && {
        bindings: resolveBindings(
          { bindings: bindingsOf(settings.bindings, inheritBare), keepBindings: [] },
          before,
          name,
          draft,
        ),
      }),
      ...(typeof settings.compatibility_date === 'string' && {
        compatibilityDate: settings.compatibility_date,
      }),
      ...(Array.isArray(settings.compatibility_flags) && {
        compatibilityFlags: settings.compatibility_flags.map(String),
      }),
    }));
    return worker;
  });
  return ok(describeSettings(result) as ScriptAndVersionSettingEditResponse);
}

/** A binding that tells nothing but its type and name stays as it is: wrangler sends back what it was told so. */
function inheritBare(binding: Record<string, unknown>): Record<string, unknown> {
  const isBare = Object.keys(binding).every((key) => key === 'type' || key === 'name');
  return isBare ? { type: 'inherit', name: binding.name } : binding;
}

async function changeScriptSettings(services: LocalServices, { params, request }: Call): Promise<Response> {
  const change = await jsonObject(request);
  const worker = await services.change((draft) => {
    const found = existingWorker(draft, params.script ?? '');
    setScriptSettings(found, change);
    return found;
  });
  return ok(describeScriptSettings(worker));
}

function setScriptSettings({ settings }: WorkerRecord, change: Record<string, unknown>): void {
  if (typeof change.logpush === 'boolean') settings.logpush = change.logpush;
  if (Array.isArray(change.tags)) settings.tags = change.tags.map(String);
  if (change.observability !== undefined) settings.observability = change.observability;
}
