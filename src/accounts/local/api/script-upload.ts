import { PART_BINDINGS } from '../../../cloudflare/service-worker.js';
import { MODULE_CONTENT_TYPES, type ModuleType } from '../../../cloudflare/workers.js';
import { SidecarError, type WorkerBinding } from '../../../protocol/index.js';
import { moduleNameFault } from '../../../protocol/names.js';
import { ApiError, readForm } from '../envelope.js';
import { LIMITS } from '../limits.js';
import type { ClientKind, LocalState, VersionRecord } from '../state.js';

/** A script upload as it arrived: the `metadata` part, and a part a module. */
export interface ScriptUploadForm {
  mainModule: string;
  modules: { name: string; type: ModuleType; content: Uint8Array }[];
  bindings: Record<string, unknown>[];
  /** Types of the bindings that stay as they are unless the upload has one of the same name. */
  keepBindings: string[];
  compatibilityDate: string | undefined;
  compatibilityFlags: string[];
  message?: string;
  tag?: string;
  /** See {@link sourceOf}. */
  source: ClientKind;
}

/** Which kind of client sends a request: wrangler is told apart, as at Cloudflare, because it asks for it later. */
export function sourceOf(request: Request): ClientKind {
  return /^wrangler\//.test(request.headers.get('user-agent') ?? '') ? 'wrangler' : 'api';
}

/** @throws ApiError 400 as Cloudflare answers what it cannot read. */
export async function readScriptUpload(request: Request): Promise<ScriptUploadForm> {
  const form = await readForm(request, 10021);
  const metadata = await readJsonPart(form, 'metadata');
  const mainModule = metadata.main_module ?? metadata.body_part;
  if (typeof mainModule !== 'string') {
    throw new ApiError(400, 10021, 'The metadata names neither a main_module nor a body_part');
  }
  const { modules, bindings } = withPartNames(await readModules(form), bindingsOf(metadata.bindings));
  if (!modules.some((module) => module.name === mainModule)) {
    throw new ApiError(400, 10021, `The upload has no part for the main module ${mainModule}`);
  }
  const annotations = objectOf(metadata.annotations ?? {}, 'annotations');
  return {
    mainModule,
    modules,
    bindings,
    // wrangler's deploy leaves it out, and its users' secrets stay.
    keepBindings: textsOf(metadata.keep_bindings ?? ['secret_text'], 'keep_bindings'),
    compatibilityDate: optionalText(metadata.compatibility_date, 'compatibility_date'),
    compatibilityFlags: textsOf(metadata.compatibility_flags, 'compatibility_flags'),
    message: optionalText(annotations['workers/message'], 'workers/message'),
    tag: optionalText(annotations['workers/tag'], 'workers/tag'),
    source: sourceOf(request),
  };
}

/** A part that holds a JSON object. @throws ApiError 400 */
export async function readJsonPart(form: FormData, name: string): Promise<Record<string, unknown>> {
  const part = form.get(name);
  if (part === null) throw new ApiError(400, 10021, `The upload has no ${name} part`);
  const text = typeof part === 'string' ? part : await part.text();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Not JSON, or JSON that is no object: told in the same words.
  }
  throw new ApiError(400, 10021, `The ${name} part is not a JSON object`);
}

async function readModules(form: FormData): Promise<ScriptUploadForm['modules']> {
  const modules: ScriptUploadForm['modules'] = [];
  let bytes = 0;
  for (const [name, part] of form) {
    if (name === 'metadata') continue;
    if (typeof part === 'string') throw new ApiError(400, 10021, `The module ${name} is not a file part`);
    const fault = moduleNameFault(name);
    if (fault !== undefined)
      throw new ApiError(400, 10021, `The module name ${JSON.stringify(name)} ${fault}`);
    bytes += part.size;
    if (bytes > LIMITS.workerBytes) {
      throw new ApiError(413, 10027, `The Worker's modules have over ${LIMITS.workerBytes} bytes, the limit`);
    }
    modules.push({ name, type: moduleType(name, part.type), content: await part.bytes() });
  }
  return modules;
}

const PART_TYPES: readonly unknown[] = Object.values(PART_BINDINGS);

/** A service worker's files are bindings that name the part which holds them; here each is a module of the binding's name. */
function withPartNames(modules: ScriptUploadForm['modules'], all: Record<string, unknown>[]) {
  const names = new Map(
    all.filter(({ type }) => PART_TYPES.includes(type)).map(({ name, part }) => [part ?? name, String(name)]),
  );
  return {
    modules: modules.map((module) => ({ ...module, name: names.get(module.name) ?? module.name })),
    bindings: all.filter(({ type }) => !PART_TYPES.includes(type)),
  };
}

function moduleType(name: string, contentType: string): ModuleType {
  const [mime = ''] = contentType.toLowerCase().split(';');
  const match = Object.entries(MODULE_CONTENT_TYPES).find(([, type]) => type === mime.trim());
  if (match) return match[0] as ModuleType;
  if (mime === 'text/javascript+module') return 'esm';
  throw new ApiError(
    400,
    10021,
    `The module ${name} has the content type ${contentType}, which no module has`,
  );
}

/** The bindings of an upload or of settings, each with what its type must have as text. @throws ApiError 400 */
export function bindingsOf(
  value: unknown,
  read: (binding: Record<string, unknown>) => Record<string, unknown> = (binding) => binding,
): Record<string, unknown>[] {
  return arrayOf(value, 'bindings').map((one) => {
    const binding = read(objectOf(one, 'A binding'));
    const fields = ['type', 'name', ...(TEXT_FIELDS[String(binding.type)] ?? [])];
    const missing = fields.find((field) => typeof binding[field] !== 'string');
    if (missing === undefined) return binding;
    throw new ApiError(
      400,
      10021,
      `${missing} of a binding must be a text: ${JSON.stringify(one).slice(0, 200)}`,
    );
  });
}

/** What the local account reads of a binding of each type. */
const TEXT_FIELDS: Readonly<Record<string, readonly string[]>> = {
  kv_namespace: ['namespace_id'],
  r2_bucket: ['bucket_name'],
  service: ['service'],
  plain_text: ['text'],
  secret_text: ['text'],
};

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new ApiError(400, 10021, `${what} must be an object`);
}

function textsOf(value: unknown, what: string): string[] {
  return arrayOf(value, what).map((one) => {
    if (typeof one === 'string') return one;
    throw new ApiError(400, 10021, `${what} must be an array of texts`);
  });
}

export function optionalText(value: unknown, what: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new ApiError(400, 10021, `${what} must be a text`);
}

function arrayOf(value: unknown, what: string): unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new ApiError(400, 10021, `${what} must be an array`);
}

const SUPPORTED = ['kv_namespace', 'r2_bucket', 'plain_text', 'secret_text', 'json', 'service', 'inherit'];

/**
 * The bindings a new version gets: those of the upload, `inherit` ones taken from the version before, and the kept
 * ones it does not replace. Each is checked against what the account has.
 */
export function resolveBindings(
  upload: Pick<ScriptUploadForm, 'bindings' | 'keepBindings'>,
  before: VersionRecord | undefined,
  workerName: string,
  state: LocalState,
): WorkerBinding[] {
  const resolved = upload.bindings.map((binding) => {
    if (!SUPPORTED.includes(String(binding.type))) throw unservable(binding);
    if (binding.type !== 'inherit') return binding as unknown as WorkerBinding;
    const inherited = before?.bindings.find((one) => one.name === (binding.old_name ?? binding.name));
    if (inherited) return { ...inherited, name: String(binding.name) };
    throw new ApiError(
      400,
      10057,
      `The binding ${binding.name} is to be inherited, and the Worker has none of that name`,
    );
  });
  const names = new Set(resolved.map((binding) => binding.name));
  for (const kept of before?.bindings ?? []) {
    if (!names.has(kept.name) && upload.keepBindings.includes(kept.type)) resolved.push(kept);
  }
  if (resolved.length > LIMITS.bindings) {
    throw new ApiError(
      400,
      10055,
      `The Worker has ${resolved.length} bindings; the limit is ${LIMITS.bindings}`,
    );
  }
  for (const binding of resolved) checkBinding(binding, workerName, state);
  return resolved;
}

function unservable(binding: Record<string, unknown>): SidecarError {
  return new SidecarError(
    'unsupported',
    `The local account cannot serve the binding ${binding.name} of the type ${binding.type}. It serves ${SUPPORTED.slice(0, -1).join(', ')}; deploy to the cloud account, or leave the binding out.`,
    { data: { binding: binding.name, type: binding.type } },
  );
}

function checkBinding(binding: WorkerBinding, workerName: string, state: LocalState): void {
  switch (binding.type) {
    case 'kv_namespace':
      if (state.kv.namespaces.some(({ id }) => id === binding.namespace_id)) return;
      throw new ApiError(
        400,
        10041,
        `KV namespace '${binding.namespace_id}' of the binding ${binding.name} was not found`,
      );
    case 'r2_bucket':
      if (state.r2.buckets.some(({ name }) => name === binding.bucket_name)) return;
      throw new ApiError(
        400,
        10085,
        `R2 bucket '${binding.bucket_name}' of the binding ${binding.name} was not found`,
      );
    case 'service':
      if (
        binding.service === workerName ||
        state.workers.scripts.some(({ name }) => name === binding.service)
      )
        return;
      throw new ApiError(
        400,
        10143,
        `Service binding '${binding.name}' references Worker '${binding.service}' which was not found`,
      );
    case 'plain_text':
    case 'secret_text':
      if (Buffer.byteLength(binding.text) <= LIMITS.variableBytes) return;
      throw new ApiError(
        413,
        10062,
        `The binding ${binding.name} has over ${LIMITS.variableBytes} bytes, the limit of one variable`,
      );
    case 'json':
      return;
  }
}
