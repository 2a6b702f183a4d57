import type {
  SecretBulkUpdateResponse,
  SecretGetResponse,
  SecretListResponse,
  SecretUpdateResponse,
} from 'cloudflare/resources/workers/scripts/secrets';
import type { WorkerBinding } from '../../../protocol/index.js';
import { ApiError, jsonObject, ok } from '../envelope.js';
import { checkBytes, LIMITS } from '../limits.js';
import { type Call, type RouteTable, read, write } from '../router.js';
import type { LocalServices } from '../services.js';
import { describeSecrets } from './describe-script.js';
import { sourceOf } from './script-upload.js';
import { addChangedVersion, existingWorker } from './versions.js';

const SCRIPT = '/accounts/:account/workers/scripts/:script';

/** The secrets of a Worker. A change of them is a new version of the same code, which serves at once. */
export const scriptSecretRoutes: RouteTable = {
  [`GET ${SCRIPT}/secrets`]: read((call, services) =>
    ok(secretsOf(call, services) satisfies SecretListResponse[]),
  ),
  [`GET ${SCRIPT}/secrets/:name`]: read((call, services) => {
    const found = secretsOf(call, services).find(({ name }) => name === call.params.name);
    if (!found) throw noSecret(call.params.script, call.params.name);
    return ok(found satisfies SecretGetResponse);
  }),
  [`PUT ${SCRIPT}/secrets`]: write((call, services) => putSecret(services, call)),
  [`PATCH ${SCRIPT}/secrets-bulk`]: write((call, services) => putSecrets(services, call)),
  [`DELETE ${SCRIPT}/secrets/:name`]: write(async (call, services) => {
    await changeSecrets(services, call, new Map([[call.params.name ?? '', undefined]]), true);
    return ok(null);
  }),
};

function secretsOf({ params }: Call, services: LocalServices): SecretListResponse[] {
  return describeSecrets(services.worker(params.script ?? ''));
}

async function putSecret(services: LocalServices, call: Call): Promise<Response> {
  const secret = await jsonObject(call.request);
  const text = textOf(secret);
  const name = String(secret.name);
  await changeSecrets(services, call, new Map([[name, text]]), false);
  return ok({ name, type: 'secret_text' } satisfies SecretUpdateResponse);
}

/** A JSON merge patch: `null` deletes a secret. */
async function putSecrets(services: LocalServices, call: Call): Promise<Response> {
  const { secrets } = await jsonObject(call.request);
  if (typeof secrets !== 'object' || secrets === null) {
    throw new ApiError(400, 10001, 'secrets must be an object of secrets by their names');
  }
  const texts = Object.entries(secrets).map(
    ([name, secret]) => [name, secret === null ? undefined : textOf({ ...secret, name })] as const,
  );
  await changeSecrets(services, call, new Map(texts), false);
  const written = texts.filter(([, text]) => text !== undefined);
  const described: SecretBulkUpdateResponse = Object.fromEntries(
    written.map(([name]) => [name, { name, type: 'secret_text' }]),
  );
  return ok(described);
}

/** @param texts of the secrets by their names; undefined deletes one */
export function withSecrets(
  bindings: readonly WorkerBinding[],
  texts: ReadonlyMap<string, string | undefined>,
): WorkerBinding[] {
  const kept = bindings.filter(
    ({ name, type }) => !texts.has(name) || (type !== 'secret_text' && texts.get(name) === undefined),
  );
  const put = [...texts].flatMap(([name, text]): WorkerBinding[] =>
    text === undefined ? [] : [{ type: 'secret_text', name, text }],
  );
  return [...kept, ...put];
}

/** The text of a secret as it was sent. @throws ApiError 400, 413 */
export function textOf({ name, text, type }: Record<string, unknown>): string {
  if (typeof name !== 'string' || name === '' || typeof text !== 'string' || type !== 'secret_text') {
    throw new ApiError(400, 10001, 'A secret has a name, a text and the type secret_text');
  }
  checkBytes(text, LIMITS.variableBytes, `The secret ${name}`, 10062, 413);
  return text;
}

/**
 * @param texts by name; undefined deletes
 * @param mustExist whether deleting a secret that is not there is an error
 */
async function changeSecrets(
  services: LocalServices,
  { params, request }: Call,
  texts: ReadonlyMap<string, string | undefined>,
  mustExist: boolean,
): Promise<void> {
  const script = params.script ?? '';
  await services.deploy((draft) => {
    addChangedVersion(existingWorker(draft, script), sourceOf(request), 'secret', (before) => {
      if (mustExist) checkExist(before.bindings, [...texts.keys()], script);
      return { bindings: withSecrets(before.bindings, texts) };
    });
  });
}

function checkExist(bindings: readonly WorkerBinding[], names: readonly string[], script: string): void {
  for (const name of names) {
    if (!bindings.some((one) => one.name === name && one.type === 'secret_text'))
      throw noSecret(script, name);
  }
}

function noSecret(script: string | undefined, name: string | undefined): ApiError {
  return new ApiError(404, 10056, `The Worker ${script} has no secret ${name}`);
}
