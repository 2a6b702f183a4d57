import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Sample } from './scenario.js';

export type HostRequest = { kind: 'measure'; case: string; sliceMs: number } | { kind: 'close' };
export interface HostReply {
  sample?: Sample;
  error?: string;
}

const SLICE_LIMIT_MS = 120_000;

/** For `--cpu-profile`: hosts, their threads and the product's child write a profile each when they end. */
export function profileArguments(): string[] {
  const folder = process.env.BENCH_CPU_PROFILE;
  return folder ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [];
}

/** The process of one peer in one scenario, seen from the process that runs the suite. */
export class Host {
  readonly #child: ChildProcess;
  readonly #label: string;

  constructor(builtFolder: string, scenario: string, peer: string) {
    this.#label = `${peer} in ${scenario}`;
    this.#child = fork(join(builtFolder, 'host.js'), [scenario, peer], {
      // A loader of this process must not reach the one that measures.
      execArgv: profileArguments(),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  /** @throws when the peer is missing, fails or answers wrongly. */
  async measure(caseName: string, sliceMs: number): Promise<Sample> {
    const reply = await this.#ask({ kind: 'measure', case: caseName, sliceMs });
    if (!reply.sample)
      throw new Error(`${this.#label}, ${caseName}: ${reply.error ?? 'no figures came back'}`);
    return reply.sample;
  }

  /** Ends the peer's session and process. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    if (this.#child.connected) this.#child.send({ kind: 'close' } satisfies HostRequest);
    await exited;
    clearTimeout(timer);
  }

  async #ask(request: HostRequest): Promise<HostReply> {
    const done = new AbortController();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), SLICE_LIMIT_MS);
    try {
      const answered = once(this.#child, 'message', { signal: done.signal });
      const exited = once(this.#child, 'exit', { signal: done.signal }).then(([code, signal]) => [
        { error: `its process ended with ${signal ?? code}` },
      ]);
      this.#child.send(request);
      const [reply] = (await Promise.race([answered, exited])) as [HostReply];
      return reply;
    } finally {
      clearTimeout(timer);
      done.abort();
    }
  }
}
