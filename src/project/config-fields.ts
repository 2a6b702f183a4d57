import { APPLIED_FIELDS, TOP_LEVEL_FIELDS } from './config-schema.js';

/** Bindings and other parts a Worker cannot run without, which a deploy here cannot provide yet. */
export const UNSUPPORTED_FIELDS: Readonly<Record<string, string>> = {
  agent_memory: 'an agent memory binding',
  ai: 'a Workers AI binding',
  ai_search: 'an AI Search binding',
  ai_search_namespaces: 'an AI Search binding',
  analytics_engine_datasets: 'an Analytics Engine binding',
  artifacts: 'an artifacts binding',
  assets: 'static assets',
  browser: 'a browser binding',
  containers: 'a container',
  d1_databases: 'a D1 binding',
  dispatch_namespaces: 'a dispatch namespace binding',
  durable_objects: 'a Durable Object binding',
  flagship: 'a Flagship binding',
  hyperdrive: 'a Hyperdrive binding',
  images: 'an Images binding',
  logfwdr: 'a logfwdr binding',
  media: 'a media binding',
  mtls_certificates: 'an mTLS certificate binding',
  pipelines: 'a pipeline binding',
  queues: 'a queue binding',
  ratelimits: 'a rate limit binding',
  secrets_store_secrets: 'a Secrets Store binding',
  send_email: 'an email binding',
  site: 'a Workers Site',
  stream: 'a Stream binding',
  unsafe: 'an unsafe binding',
  unsafe_hello_world: 'an unsafe binding',
  vectorize: 'a Vectorize binding',
  version_metadata: 'a version metadata binding',
  vpc_networks: 'a VPC network binding',
  vpc_services: 'a VPC service binding',
  worker_loaders: 'a Worker loader binding',
  workflows: 'a workflow binding',
};

/** Those of them that a chosen environment takes over from the top level. */
export const INHERITED_UNSUPPORTED_FIELDS: readonly string[] = ['assets', 'logfwdr', 'site'];

/** Fields of wrangler that a deploy here leaves out; the Worker runs without them. */
const NOT_APPLIED_FIELDS: ReadonlySet<string> = new Set(
  (
    'account_id cache cloudchamber compliance_region first_party_worker migrations ' +
    'pages_build_output_dir previews python_modules route routes streaming_tail_consumers'
  ).split(' '),
);

/** Fields that concern wrangler itself or local development, and no deploy. */
const IRRELEVANT_FIELDS: ReadonlySet<string> = new Set(
  '$schema configPath definedEnvironments dev legacy_env send_metrics topLevelName userConfigPath'.split(' '),
);

/** The members of an object; `true` is one whose own members are free, or not ours to judge. */
interface KnownFields {
  readonly [name: string]: KnownFields | true;
}

/** What stands inside the fields that are applied, as wrangler 4.164 knows it. A list has it in each entry. */
const NESTED_FIELDS: KnownFields = {
  kv_namespaces: known('binding id preview_id remote experimental_remote'),
  r2_buckets: known('binding bucket_name preview_bucket_name jurisdiction remote experimental_remote'),
  services: known('binding service environment entrypoint remote experimental_remote'),
  tail_consumers: known('service environment'),
  triggers: known('crons'),
  build: known('command cwd watch_dir'),
  secrets: known('required'),
  placement: known('mode hint region host hostname'),
  limits: known('cpu_ms subrequests'),
  observability: {
    ...known('enabled head_sampling_rate'),
    logs: known('enabled head_sampling_rate invocation_logs destinations persist'),
    traces: known('enabled head_sampling_rate destinations persist'),
  },
};

function known(names: string): KnownFields {
  return Object.fromEntries(names.split(' ').map((name) => [name, true]));
}

/** A field that needs a word to the user, and its place in the configuration. */
export interface FieldNote {
  path: readonly (string | number)[];
  text: string;
}

/** The fields of one environment (or of the top level) that the deploy leaves out. */
export function fieldNotes(fields: Readonly<Record<string, unknown>>, at: readonly string[]): FieldNote[] {
  const notes: FieldNote[] = [];
  for (const name of Object.keys(fields)) {
    if (APPLIED_FIELDS.has(name) && !(at.length > 0 && TOP_LEVEL_FIELDS.has(name))) continue;
    if (IRRELEVANT_FIELDS.has(name) || name in UNSUPPORTED_FIELDS) continue;
    // A configuration that a build wrote gives every field there is.
    if (NOT_APPLIED_FIELDS.has(name) && isEmpty(fields[name])) continue;
    const known = NOT_APPLIED_FIELDS.has(name);
    const text = known
      ? `\`${name}\` is not applied by this deploy`
      : `\`${name}\` is unknown and was ignored`;
    notes.push({ path: [...at, name], text });
  }
  for (const [field, inside] of Object.entries(NESTED_FIELDS)) {
    notes.push(...unknownInside(fields[field], inside, [...at, field]));
  }
  return notes;
}

function unknownInside(
  value: unknown,
  fields: KnownFields | true,
  at: readonly (string | number)[],
): FieldNote[] {
  if (fields === true || typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value))
    return value.flatMap((entry, index) => unknownInside(entry, fields, [...at, index]));
  return Object.entries(value).flatMap(([name, member]) => {
    const path = [...at, name];
    if (Object.hasOwn(fields, name)) return unknownInside(member, fields[name] ?? true, path);
    const of = at.filter((part) => typeof part === 'string').at(-1);
    return [{ path, text: `\`${name}\` of ${of} is unknown and was ignored` }];
  });
}

/** One line for each unsupported binding of an environment, such as "`DB` (a D1 binding, d1_databases)". */
export function unsupportedBindings(fields: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(UNSUPPORTED_FIELDS).flatMap(([field, what]) => {
    const names = namesIn(fields[field]);
    if (fields[field] === undefined || isEmpty(fields[field])) return [];
    if (names.length === 0) return [`\`${field}\` (${what})`];
    return names.map((name) => `\`${name}\` (${what}, ${field})`);
  });
}

function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Record<string, unknown>;
  const own = fields.binding ?? fields.name ?? fields.queue ?? fields.class_name;
  if (typeof own === 'string') return [own];
  return ['bindings', 'producers', 'consumers'].flatMap((key) => namesIn(fields[key]));
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object' || value === null) return value === null;
  return Object.values(value).every(isEmpty);
}
