import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Bridge from '../../bridge/index.js';
import { profileArguments } from '../hosts.js';
import type {
  Peer,
  PeerOptions,
  PeerSession,
  TailConsumer,
  TailForm,
  TailHandle,
  TailLoad,
} from '../peer.js';
import { loadName } from '../tail-source.js';
import { builtFolder } from './child.js';

/** The package's public door, as users have it: the built package, found by its own name. */
const DOOR: string = 'fluorite-flake/tauri';

export const sidecarCall: Peer = {
  name: 'sidecar.call',
  about: 'this package: `sidecar.call` through its worker thread, the real CLI as the child',
  start: (options) => start(options, (sidecar) => sidecar.call.bind(sidecar) as Call),
};

export const sidecarRemote: Peer = {
  name: 'sidecar.remote.call',
  about:
    'this package: the comlink proxy `sidecar.remote`, calls of one tick in one comlink message (the naive peer: one each)',
  start: (options) =>
    start(
      options,
      ({ remote }) => ((method, params) => remote.call(method as 'system.ping', params as object)) as Call,
    ),
};

/** Scenarios name methods as text; the types of the contract would only be in their way. */
type Call = (method: string, params: unknown) => Promise<unknown>;

/** Loads the built library. */
export function loadBridge(): Promise<typeof Bridge> {
  return import(DOOR);
}

async function start(
  options: PeerOptions | undefined,
  door: (sidecar: Bridge.TauriSidecar) => Call,
): Promise<PeerSession> {
  const { TauriSidecar } = await loadBridge();
  const stateDir = await mkdtemp(join(tmpdir(), 'fluorite-bench-'));
  const sidecar = new TauriSidecar({
    account: 'local',
    stateDir,
    autoRestart: false,
    cliPath: await childPath(options?.synthetic ?? false, stateDir),
    ...(options?.cloud && { account: 'cloud', env: cloudEnvironment(options.cloud) }),
  });
  await sidecar.start().catch(async (error) => {
    await rm(stateDir, { recursive: true, force: true });
    throw error;
  });
  const call = door(sidecar);
  return {
    call,
    callRaw: (method, params) => sidecar.callRaw(method as 'system.ping', params as object),
    tail: (load, form, onLines) => tail(sidecar, load, form, onLines),
    async close() {
      await sidecar.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** What makes the real CLI take a server of the bench for Cloudflare. */
function cloudEnvironment(baseUrl: string): Record<string, string> {
  return {
    CLOUDFLARE_API_BASE_URL: baseUrl,
    CLOUDFLARE_API_TOKEN: 'bench',
    CLOUDFLARE_ACCOUNT_ID: '0'.repeat(31) + 1,
  };
}

async function tail(
  sidecar: Bridge.TauriSidecar,
  load: TailLoad,
  form: TailForm,
  onLines: TailConsumer,
): Promise<TailHandle> {
  const abort = new AbortController();
  const workerName = loadName(load);
  const stream = sidecar.tailLogs({ workerName }, { signal: abort.signal });
  // All lines are of one size, so that a batch says how many it holds without being read: [a,b,c].
  const count = (length: number) => Math.floor((length - 1) / (load.lineBytes + 1));
  const ended = (async () => {
    for await (const batch of stream.batches()) {
      if (form === 'parsed') {
        const events = batch.events();
        await onLines({ lines: events.length, sample: () => events[0] });
      } else {
        const length = form === 'text' ? batch.text().length : batch.bytes.byteLength;
        await onLines({ lines: count(length), sample: () => batch.events()[0] });
      }
    }
  })();
  return {
    ended,
    dropped: () => stream.dropped,
    async stop() {
      abort.abort();
      await ended.catch((error: Error) => {
        if (error.name !== 'AbortError') throw error;
      });
    },
  };
}

/** The child's path: the default, the package's own CLI, is undefined. With a profile asked for, a script around it. */
async function childPath(synthetic: boolean, folder: string): Promise<string | undefined> {
  const own = synthetic ? join(builtFolder(), 'synthetic-server.js') : undefined;
  if (profileArguments().length === 0) return own;
  const script =
    own ?? fileURLToPath(new URL('dist/src/cli.cjs', import.meta.resolve('fluorite-flake/package.json')));
  // Node takes no --cpu-prof from the environment.
  const command = [process.execPath, ...profileArguments(), script].map((word) => `'${word}'`).join(' ');
  const wrapper = join(folder, 'profiled-cli');
  await writeFile(wrapper, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o700 });
  return wrapper;
}
