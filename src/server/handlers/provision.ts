import type { Api } from '../../cloudflare/client.js';
import { createKvNamespace, listKvNamespaces } from '../../cloudflare/kv.js';
import { createR2Bucket, listR2Buckets } from '../../cloudflare/r2.js';
import type { InheritedBinding } from '../../cloudflare/upload-form.js';
import { listBindings } from '../../cloudflare/workers.js';
import type { WorkerUpload } from '../../project/upload.js';
import type { WorkerBinding } from '../../protocol/index.js';

type KvBinding = Extract<WorkerBinding, { type: 'kv_namespace' }>;
type R2Binding = Extract<WorkerBinding, { type: 'r2_bucket' }>;

/**
 * The bindings of an upload with every KV namespace and R2 bucket they need: one left without an id is what the
 * deployed Worker has under that name, or the one called `<worker>-<binding>`, which is created when there is none.
 * Of Cloudflare the deployed one is inherited, as wrangler does it.
 * On the local account an id or name that does not exist there is created too: a project made for Cloudflare just deploys.
 */
export async function provision(
  api: Api,
  kind: 'local' | 'cloud',
  upload: Pick<WorkerUpload, 'name' | 'bindings'>,
  signal: AbortSignal,
): Promise<{ bindings: (WorkerBinding | InheritedBinding)[]; notes: string[] }> {
  const job = new Provisioning(api, kind, upload.name, signal);
  const bindings: (WorkerBinding | InheritedBinding)[] = [];
  for (const binding of upload.bindings) bindings.push(await job.complete(binding));
  return { bindings, notes: job.notes };
}

class Provisioning {
  readonly notes: string[] = [];
  #deployed: ReturnType<typeof listBindings> | undefined;
  #namespaces: ReturnType<typeof listKvNamespaces> | undefined;
  #buckets: ReturnType<typeof listR2Buckets> | undefined;

  constructor(
    private readonly api: Api,
    private readonly kind: 'local' | 'cloud',
    private readonly workerName: string,
    private readonly signal: AbortSignal,
  ) {}

  async complete(binding: WorkerBinding): Promise<WorkerBinding | InheritedBinding> {
    if (await this.#isInherited(binding)) return { type: 'inherit', name: binding.name };
    if (binding.type === 'kv_namespace') {
      if (binding.namespace_id === undefined)
        return { ...binding, namespace_id: await this.#namespaceFor(binding) };
      if (this.kind === 'local') await this.#ensureNamespace(binding.namespace_id);
    } else if (binding.type === 'r2_bucket') {
      if (binding.bucket_name === undefined)
        return { ...binding, bucket_name: await this.#bucketFor(binding) };
      if (this.kind === 'local') await this.#ensureBucket(binding.bucket_name);
    }
    return binding;
  }

  async #isInherited(binding: WorkerBinding): Promise<boolean> {
    if (this.kind === 'local') return false;
    const isOpen =
      (binding.type === 'kv_namespace' && binding.namespace_id === undefined) ||
      (binding.type === 'r2_bucket' && binding.bucket_name === undefined);
    if (!isOpen) return false;
    const deployed = await this.#deployedBindings();
    return deployed.some(({ name, type }) => name === binding.name && type === binding.type);
  }

  async #namespaceFor({ name }: KvBinding): Promise<string> {
    const deployed = (await this.#deployedBindings()).find(
      (one) => one.name === name && one.type === 'kv_namespace',
    );
    if (deployed?.namespace_id) return deployed.namespace_id;
    const title = this.#resourceName(name);
    const found = (await this.#listNamespaces()).find((one) => one.title === title);
    if (found) return found.id;
    const { id } = await createKvNamespace(this.api, title, this.signal);
    this.#namespaces = undefined;
    this.notes.push(`The KV namespace ${title} (${id}) was created for the binding ${name}.`);
    return id;
  }

  async #bucketFor({ name }: R2Binding): Promise<string> {
    const deployed = (await this.#deployedBindings()).find(
      (one) => one.name === name && one.type === 'r2_bucket',
    );
    if (deployed?.bucket_name) return deployed.bucket_name;
    const bucket = this.#resourceName(name).slice(0, 63).replace(/-+$/, '');
    if ((await this.#listBuckets()).some((one) => one.name === bucket)) return bucket;
    await createR2Bucket(this.api, { name: bucket }, this.signal);
    this.#buckets = undefined;
    this.notes.push(`The R2 bucket ${bucket} was created for the binding ${name}.`);
    return bucket;
  }

  async #ensureNamespace(id: string): Promise<void> {
    if ((await this.#listNamespaces()).some((one) => one.id === id)) return;
    const { createLocalKvNamespace } = await import('../../accounts/local/create-kv-namespace.js');
    await createLocalKvNamespace(this.api, id, this.signal);
    this.#namespaces = undefined;
    this.notes.push(
      `The KV namespace ${id} did not exist on the local account and was created there, empty.`,
    );
  }

  async #ensureBucket(name: string): Promise<void> {
    if ((await this.#listBuckets()).some((one) => one.name === name)) return;
    await createR2Bucket(this.api, { name }, this.signal);
    this.#buckets = undefined;
    this.notes.push(`The R2 bucket ${name} did not exist on the local account and was created there, empty.`);
  }

  /** `<worker>-<binding>` as both products take it. */
  #resourceName(binding: string): string {
    return `${this.workerName}-${binding}`
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '');
  }

  #deployedBindings() {
    this.#deployed ??= listBindings(this.api, this.workerName, this.signal);
    return this.#deployed;
  }

  #listNamespaces() {
    this.#namespaces ??= listKvNamespaces(this.api, this.signal);
    return this.#namespaces;
  }

  #listBuckets() {
    this.#buckets ??= listR2Buckets(this.api, this.signal);
    return this.#buckets;
  }
}
