import type { KvStorage, LocalRuntime, R2Storage } from './runtime.js';

/** Whether this process may change what lies in the state directory: see HeldLock. */
export interface Ownership {
  /** Call it before a change. @throws SidecarError `state-moved` */
  assertHeld(): Promise<void>;
  /** Call it after a change, before anybody is told that it was made. @throws SidecarError `indeterminate` */
  confirmHeld(): Promise<void>;
}

/** A runtime whose KV and R2 storage is changed only as long as the state directory is this process's. */
export function fenced(runtime: LocalRuntime, ownership: Ownership): LocalRuntime {
  const change = async <T>(make: () => Promise<T>): Promise<T> => {
    await ownership.assertHeld();
    const result = await make();
    await ownership.confirmHeld();
    return result;
  };
  return {
    deploy: (workers) => runtime.deploy(workers),
    invoke: (workerName, request) => runtime.invoke(workerName, request),
    onTrace: (listener) => runtime.onTrace(listener),
    kv: fencedKv(runtime.kv, change),
    r2: fencedR2(runtime.r2, change),
    get pids() {
      return runtime.pids;
    },
    close: () => runtime.close(),
  };
}

type Change = <T>(make: () => Promise<T>) => Promise<T>;

function fencedKv(kv: KvStorage, change: Change): KvStorage {
  return {
    get: (...args) => kv.get(...args),
    list: (...args) => kv.list(...args),
    put: (...args) => change(() => kv.put(...args)),
    delete: (...args) => change(() => kv.delete(...args)),
    clear: (...args) => change(() => kv.clear(...args)),
  };
}

function fencedR2(r2: R2Storage, change: Change): R2Storage {
  return {
    head: (...args) => r2.head(...args),
    get: (...args) => r2.get(...args),
    list: (...args) => r2.list(...args),
    put: (...args) => change(() => r2.put(...args)),
    delete: (...args) => change(() => r2.delete(...args)),
    wipe: (...args) => change(() => r2.wipe(...args)),
  };
}
