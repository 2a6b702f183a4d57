import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Bridge from '../../bridge/index.js';
import type { Params, TraceEvent } from '../../src/protocol/index.js';
import type { Peer, PeerOptions, PeerSession, TailForm, TailLoad } from '../peer.js';
import { builtFolder } from './child.js';

/** The package's public door, as users have it: the built package, found by its own name. */
const DOOR: string = 'fluorite-flake/tauri';

export const sidecarCall: Peer = {
  name: 'sidecar.call',
  about: 'this package: `sidecar.call` through its worker thread, the real CLI as the child',
  start: (options) => start(options, (sidecar) => (method, params) => sidecar.call(method, params)),
};

export const sidecarRemote: Peer = {
  name: 'sidecar.remote.call',
  about: 'this package: the comlink proxy `sidecar.remote`, same worker and child',
  start: (options) => start(options, (sidecar) => (method, params) => sidecar.remote.call(method, params)),
};

type Ping = (method: 'system.ping', params: Params<'system.ping'>) => Promise<unknown>;

async function start(
  options: PeerOptions | undefined,
  door: (sidecar: Bridge.TauriSidecar) => Ping,
): Promise<PeerSession> {
  const { TauriSidecar }: typeof Bridge = await import(DOOR);
  const stateDir = await mkdtemp(join(tmpdir(), 'fluorite-bench-'));
  const sidecar = new TauriSidecar({
    account: 'local',
    stateDir,
    autoRestart: false,
    ...(options?.synthetic ? { cliPath: join(builtFolder(), 'synthetic-server.js') } : {}),
  });
  await sidecar.start();
  const call = door(sidecar);
  return {
    call(method, params) {
      if (method !== 'system.ping') throw new Error(`The bench calls system.ping only, not ${method}.`);
      return call(method, params as Params<'system.ping'>);
    },
    tail: (load, form, onLines) => tail(sidecar, load, form, onLines),
    async close() {
      await sidecar.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** The load travels in the Worker's name, which is all that a tail's caller tells an account. */
export function loadName(load: TailLoad): string {
  return `bench-${load.linesPerSecond}-${load.lines}-${load.lineBytes}`;
}

async function tail(
  sidecar: Bridge.TauriSidecar,
  load: TailLoad,
  form: TailForm,
  onLines: Parameters<NonNullable<PeerSession['tail']>>[2],
) {
  const abort = new AbortController();
  const stream = sidecar.tailLogs({ workerName: loadName(load) }, { signal: abort.signal });
  const ended = (async () => {
    for await (const batch of stream.batches()) {
      if (form === 'parsed') {
        const events: TraceEvent[] = batch.events();
        onLines({ lines: events.length, dropped: batch.dropped, sample: events[0] });
      } else {
        onLines({
          lines: batch.count,
          dropped: batch.dropped,
          sample: form === 'text' ? batch.text() : batch,
        });
      }
    }
  })();
  return {
    ended,
    async stop() {
      abort.abort();
      await ended;
    },
  };
}
