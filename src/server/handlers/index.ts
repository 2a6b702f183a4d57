import type { CallContext, Handlers, ServerServices } from '../context.js';
import { refuseWrites } from './read-only.js';
import { ping, version } from './system.js';

/**
 * The handlers of every method that does not belong to a connection. What they need is loaded at the first call:
 * a server that only answers pings loads neither the SDK nor an account.
 */
export function createHandlers(services: ServerServices): Handlers {
  const lazy =
    <M, P, R>(
      load: () => Promise<M>,
      run: (module: M, services: ServerServices, params: P, context: CallContext) => Promise<R>,
    ) =>
    async (params: P, context: CallContext): Promise<R> =>
      run(await load(), services, params, context);
  const workers = () => import('./workers.js');
  const deploy = () => import('./deploy.js');
  const invoke = () => import('./invoke.js');
  const dashboard = () => import('./dashboard.js');
  const buckets = () => import('./r2-buckets.js');
  const objects = () => import('./r2-objects.js');
  const namespaces = () => import('./kv-namespaces.js');
  const keys = () => import('./kv-keys.js');
  const project = () => import('./project.js');
  const handlers: Handlers = {
    'system.ping': ping,
    'system.version': version,
    'rpc.discover': async () => (await import('./discover.js')).discover(),
    'dashboard.getData': lazy(dashboard, (module, ...call) => module.getData(...call)),
    'dashboard.listWorkers': lazy(workers, (module, ...call) => module.listWorkers(...call)),
    'dashboard.deleteWorker': lazy(workers, (module, ...call) => module.deleteWorker(...call)),
    'dashboard.deployWorker': lazy(deploy, (module, ...call) => module.deployWorker(...call)),
    'dashboard.invokeWorker': lazy(invoke, (module, ...call) => module.invokeWorker(...call)),
    'dashboard.listR2Buckets': lazy(buckets, (module, ...call) => module.listR2Buckets(...call)),
    'dashboard.createR2Bucket': lazy(buckets, (module, ...call) => module.createR2Bucket(...call)),
    'dashboard.deleteR2Bucket': lazy(buckets, (module, ...call) => module.deleteR2Bucket(...call)),
    'dashboard.listKvNamespaces': lazy(namespaces, (module, ...call) => module.listKvNamespaces(...call)),
    'dashboard.createKvNamespace': lazy(namespaces, (module, ...call) => module.createKvNamespace(...call)),
    'dashboard.deleteKvNamespace': lazy(namespaces, (module, ...call) => module.deleteKvNamespace(...call)),
    'r2.listObjects': lazy(objects, (module, ...call) => module.listObjects(...call)),
    'r2.getObject': lazy(objects, (module, ...call) => module.getObject(...call)),
    'r2.putObject': lazy(objects, (module, ...call) => module.putObject(...call)),
    'r2.deleteObject': lazy(objects, (module, ...call) => module.deleteObject(...call)),
    'kv.listKeys': lazy(keys, (module, ...call) => module.listKeys(...call)),
    'kv.get': lazy(keys, (module, ...call) => module.getKey(...call)),
    'kv.put': lazy(keys, (module, ...call) => module.putKey(...call)),
    'kv.delete': lazy(keys, (module, ...call) => module.deleteKey(...call)),
    'project.create': lazy(project, (module, ...call) => module.createProject(...call)),
  };
  return services.readOnly ? refuseWrites(handlers) : handlers;
}
