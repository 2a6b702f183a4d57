import { SidecarError, type WorkerBinding } from '../protocol/index.js';
import type { WranglerEnvironment } from './config-schema.js';

/**
 * The bindings of a configuration in the shape of Cloudflare's upload metadata.
 * @throws SidecarError `config-invalid` when two bindings have one name.
 */
export function configBindings(path: string, fields: WranglerEnvironment): WorkerBinding[] {
  const bindings: WorkerBinding[] = [
    ...Object.entries(fields.vars ?? {}).map(([name, value]) => variable(name, value)),
    ...(fields.kv_namespaces ?? []).map(
      ({ binding, id }): WorkerBinding => ({
        type: 'kv_namespace',
        name: binding,
        ...(id !== undefined && { namespace_id: id }),
      }),
    ),
    ...(fields.r2_buckets ?? []).map(
      ({ binding, bucket_name, jurisdiction }): WorkerBinding => ({
        type: 'r2_bucket',
        name: binding,
        ...(bucket_name !== undefined && { bucket_name }),
        ...(jurisdiction !== undefined && { jurisdiction }),
      }),
    ),
    ...(fields.services ?? []).map(
      ({ binding, service, environment, entrypoint }): WorkerBinding => ({
        type: 'service',
        name: binding,
        service,
        ...(environment !== undefined && { environment }),
        ...(entrypoint !== undefined && { entrypoint }),
      }),
    ),
  ];
  refuseDuplicates(path, bindings);
  return bindings;
}

/** A var that is text is a text binding; any other JSON value is a JSON binding, as wrangler uploads them. */
function variable(name: string, value: unknown): WorkerBinding {
  return typeof value === 'string'
    ? { type: 'plain_text', name, text: value }
    : { type: 'json', name, json: value };
}

function refuseDuplicates(path: string, bindings: readonly WorkerBinding[]): void {
  const seen = new Set<string>();
  for (const { name } of bindings) {
    if (seen.has(name)) {
      throw new SidecarError('config-invalid', `${path}: the binding \`${name}\` is given twice.`, {
        data: { file: path, field: name },
      });
    }
    seen.add(name);
  }
}
