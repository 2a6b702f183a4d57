import { createHash } from 'node:crypto';
import { SidecarError, type WorkerBinding } from '../protocol/index.js';

/**
 * A configured KV id that Cloudflare cannot have given, such as a placeholder or a name, stands on the local account for
 * a namespace of its own: the same one for the same text, whichever project says it.
 * @throws SidecarError `config-invalid` for such an id on its way to Cloudflare
 */
export async function kvIds(
  path: string,
  bindings: readonly WorkerBinding[],
  account: () => Promise<'local' | 'cloud'>,
): Promise<{ bindings: WorkerBinding[]; warnings: string[] }> {
  const warnings: string[] = [];
  const mapped: WorkerBinding[] = [];
  for (const binding of bindings) {
    const given = binding.type === 'kv_namespace' ? binding.namespace_id : undefined;
    if (given === undefined || /^[0-9a-f]{32}$/.test(given)) {
      mapped.push(binding);
      continue;
    }
    const what = `${path}: the id ${JSON.stringify(given)} of the KV binding ${binding.name} has not the 32 hexadecimal digits of Cloudflare's`;
    if ((await account()) === 'cloud') {
      throw new SidecarError(
        'config-invalid',
        `${what}. Put the namespace's own id there, or leave \`id\` out: then one is found or created.`,
        { data: { file: path, field: 'kv_namespaces' } },
      );
    }
    const id = createHash('sha256').update(`kv-namespace:${given}`).digest('hex').slice(0, 32);
    warnings.push(`${what}: on the local account it stands for the namespace ${id}.`);
    mapped.push({ ...binding, namespace_id: id } as WorkerBinding);
  }
  return { bindings: mapped, warnings };
}
