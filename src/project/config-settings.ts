import type { WranglerConfig, WranglerEnvironment } from './config-schema.js';
import type { WorkerSettings } from './upload.js';

/** What a configuration says of a Worker beyond its code; empty fields, as a generated one has them, count as absent. */
export function workerSettings(fields: WranglerEnvironment, config: WranglerConfig): WorkerSettings {
  const settings: WorkerSettings = {
    crons: fields.triggers?.crons ?? undefined,
    workersDev: fields.workers_dev ?? (hasRoutes(fields) ? false : undefined),
    previewUrls: fields.preview_urls ?? undefined,
    keepVars: config.keep_vars || undefined,
    logpush: fields.logpush ?? undefined,
    observability: filled(fields.observability),
    placement: placement(fields.placement),
    limits: filled(fields.limits),
    tailConsumers: fields.tail_consumers?.length ? fields.tail_consumers : undefined,
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

/** The fields that the local account has no use for, by their names in the configuration. */
export function cloudOnlyFields({ crons, ...settings }: WorkerSettings): string[] {
  const names: [keyof WorkerSettings, string][] = [
    ['logpush', 'logpush'],
    ['observability', 'observability'],
    ['placement', 'placement'],
    ['limits', 'limits'],
    ['tailConsumers', 'tail_consumers'],
  ];
  const given = names.filter(([key]) => key in settings).map(([, name]) => name);
  return crons?.length ? ['triggers', ...given] : given;
}

/** A Worker with routes of its own is on workers.dev only when that is asked for, as wrangler has it. */
function hasRoutes({ route, routes }: WranglerEnvironment): boolean {
  return Boolean(route) || (Array.isArray(routes) && routes.length > 0);
}

/** As wrangler sends it: `off` is the default, and left out. */
function placement(given: Record<string, unknown> | null | undefined): Record<string, unknown> | undefined {
  const { mode, hint, region, host, hostname } = given ?? {};
  if (hint || mode === 'smart') return { mode: 'smart', ...(hint !== undefined && { hint }) };
  if (mode === 'off') return undefined;
  for (const [name, value] of Object.entries({ region, host, hostname })) {
    if (value) return { mode: 'targeted', [name]: value };
  }
  return undefined;
}

function filled(value: Record<string, unknown> | null | undefined): Record<string, unknown> | undefined {
  return value && Object.keys(value).length > 0 ? value : undefined;
}
