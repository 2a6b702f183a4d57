import type { Peer } from '../peer.js';

/** What a probe prints: a process that starts one session as the first thing it does. Milliseconds. */
export interface ProbeReport {
  /** Loading the library, where that is not part of the process's own start. */
  importMs: number;
  startMs: number;
  pingMs: number;
}

export async function probe(peer: Pick<Peer, 'start'>, load: () => Promise<unknown>): Promise<void> {
  const beginAt = performance.now();
  await load();
  const loadedAt = performance.now();
  const session = await peer.start();
  const startedAt = performance.now();
  await session.call('system.ping', {});
  const report: ProbeReport = {
    importMs: loadedAt - beginAt,
    startMs: startedAt - loadedAt,
    pingMs: performance.now() - startedAt,
  };
  await session.close();
  process.stdout.write(JSON.stringify(report));
}
