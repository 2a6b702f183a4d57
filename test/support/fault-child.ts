// A CLI that is no process: the real server over two pipes in memory, which can be ended in every way a process can.
import { Transform } from 'node:stream';
import type { Account } from '../../src/accounts/account.js';
import { SidecarError } from '../../src/protocol/index.js';
import { Connection } from '../../src/server/connection.js';
import type { Handlers } from '../../src/server/context.js';
import { createServices } from '../../src/server/services.js';
import type { Child } from '../../worker/child.js';
import type { ExitStatus } from '../../worker/contract.js';
import type { ProcessActivity } from '../../worker/process-activity.js';

/** What is carried out, by whoever asked: the name of a call and how often. */
export type Executions = Map<string, number>;

export interface FakeChildOptions {
  pid: number;
  token: string;
  executions: Executions;
  /** What goes wrong from the first moment on. */
  birth: 'well' | 'slow' | 'mute' | 'exits' | 'noise' | 'wrong-token';
  /** How long a chunk is on its way, in ms. */
  latencyMs: number;
  /** What is to go wrong with a write to its stdin or stdout, if anything; asked once a write. */
  onWrite?(pipe: PipeName): WriteFault | undefined;
}

export type PipeName = 'stdin' | 'stdout';
/** The pipe is gone; half is written and then it is gone; or it takes nothing more. */
export const WRITE_FAULTS = ['broken', 'partial', 'stalled'] as const;
export type WriteFault = (typeof WRITE_FAULTS)[number];

/** One that hands chunks on with a delay, or not at all while it is held. */
class Pipe extends Transform {
  #held: (() => void)[] | undefined;
  readonly #latencyMs: number;
  readonly #onWrite: () => WriteFault | undefined;

  constructor(latencyMs: number, onWrite: () => WriteFault | undefined) {
    super();
    this.#latencyMs = latencyMs;
    this.#onWrite = onWrite;
    // Writes behind the end of one side.
    this.on('error', () => undefined);
  }

  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const deliver of held) deliver();
  }

  override _transform(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error: Error | null, chunk?: Buffer) => void,
  ) {
    const fault = this.#onWrite();
    if (fault === 'stalled') return;
    if (fault !== undefined) {
      if (fault === 'partial') this.push(chunk.subarray(0, chunk.length / 2));
      done(Object.assign(new Error('write EPIPE: injected'), { code: 'EPIPE' }));
      return;
    }
    const deliver = () => {
      if (this.#held !== undefined) this.#held.push(deliver);
      else done(null, chunk);
    };
    if (this.#latencyMs === 0) deliver();
    else setTimeout(deliver, this.#latencyMs);
  }

  override _flush(done: () => void): void {
    if (this.#held !== undefined) this.#held.push(done);
    else done();
  }
}

export class FakeChild implements Child {
  readonly pid: number;
  readonly stdin: Pipe;
  readonly stdout: Pipe;
  readonly ended: Promise<ExitStatus>;
  readonly familyEnded = Promise.resolve();
  /** Whether it runs, and was not told to die. */
  isAlive = true;
  #activity: ProcessActivity['state'] = 'waiting';
  #resolveEnded: (status: ExitStatus) => void = () => {};
  #termPending = false;
  #connection: Connection | undefined;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #options: FakeChildOptions;

  constructor(options: FakeChildOptions) {
    this.#options = options;
    this.pid = options.pid;
    const pipe = (name: PipeName) => new Pipe(options.latencyMs, () => options.onWrite?.(name));
    this.stdin = pipe('stdin');
    this.stdout = pipe('stdout');
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    if (options.birth === 'exits') this.#later(5, () => this.exit(1, null));
    else if (options.birth === 'noise') this.stdout.write('usage: something else entirely\n');
    else if (options.birth === 'slow') this.#later(300, () => this.#serve());
    else if (options.birth !== 'mute') this.#serve();
    else this.stdin.resume();
  }

  stderrTail(): string {
    return '';
  }

  activity(): ProcessActivity | undefined {
    return this.isAlive ? { state: this.#activity, cpuTicks: 0 } : undefined;
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (signal === 'SIGKILL') this.exit(null, 'SIGKILL');
    else if (this.#activity === 'stopped') this.#termPending = true;
    else this.exit(143, null);
  }

  /** SIGSTOP, or work that lets it read nothing. */
  freeze(activity: 'stopped' | 'running'): void {
    if (!this.isAlive) return;
    this.#activity = activity;
    this.stdin.hold();
    this.stdout.hold();
  }

  thaw(): void {
    this.#activity = 'waiting';
    this.stdin.release();
    this.stdout.release();
    if (this.#termPending) this.exit(143, null);
  }

  write(bytes: string): void {
    if (this.isAlive) this.stdout.write(bytes);
  }

  closeStdout(): void {
    if (this.isAlive) this.stdout.end();
  }

  /** It reads no more: writing to it fails. */
  closeStdin(): void {
    if (this.isAlive) this.stdin.destroy();
  }

  /** Ends as a process does: what was written is still read, then the pipe closes, then the end is known. */
  exit(code: number | null, signal: string | null): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    for (const timer of this.#timers) clearInterval(timer);
    this.stdin.destroy();
    this.stdout.release();
    this.stdout.end();
    // Timers die with a process; its pipes are closed already, so nothing of this is seen.
    void this.#connection?.close();
    const end = () => this.#resolveEnded({ code, signal });
    const timer = setTimeout(() => {
      this.stdout.destroy();
      end();
    }, 250);
    this.stdout.once('close', () => {
      clearTimeout(timer);
      end();
    });
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.isAlive) run();
    }, ms);
    this.#timers.add(timer);
  }

  #serve(): void {
    const { token, birth } = this.#options;
    const account = this.#account();
    const connection = new Connection({
      input: this.stdin,
      output: this.stdout,
      handlers: this.#handlers(),
      services: createServices({ cwd: '/', log: () => {}, openAccount: async () => account as never }),
      token: birth === 'wrong-token' ? `not ${token}` : token,
      maxBodyBytes: 1024 * 1024,
    });
    this.#connection = connection;
    connection.listen();
    void connection.ended.then(async (reason) => {
      if (this.isAlive) await connection.close();
      this.exit(reason === 'shutdown' || reason === 'input-ended' ? 0 : 1, null);
    });
  }

  #execute<T>(key: string, ms: number, result: T): Promise<T> {
    return new Promise((resolve) => {
      this.#later(Math.max(1, ms), () => {
        const { executions } = this.#options;
        executions.set(key, (executions.get(key) ?? 0) + 1);
        resolve(result);
      });
    });
  }

  #handlers(): Handlers {
    const some: Partial<Handlers> = {
      'system.ping': ({ payload }: { payload?: unknown }) => {
        const answer = { pong: true, timestamp: 0, payload } as const;
        if (payload === undefined) return answer;
        const [number, ms] = payload as [number, number];
        return this.#execute(`ping ${number}`, ms, answer);
      },
      'dashboard.createR2Bucket': ({ name }: { name: string }) =>
        this.#execute(name, Number(name.split('-')[2]), { success: true, bucket: { name } } as never),
    };
    return some as Handlers;
  }

  #account(): Account {
    return {
      info: { kind: 'local', id: '0'.repeat(32), name: 'simulated', stateDir: '/' },
      client: () => Promise.reject(new SidecarError('unsupported', 'There is none.')),
      invoke: () => Promise.reject(new SidecarError('unsupported', 'There is none.')),
      openTail: async (_params: unknown, sink: { push(json: string): void }) => {
        let sent = 0;
        const timer = setInterval(() => {
          if (this.#activity === 'waiting') sink.push(JSON.stringify({ pid: this.pid, number: sent++ }));
        }, 40);
        this.#timers.add(timer);
        if (!this.isAlive) clearInterval(timer);
        return { close: async () => clearInterval(timer) };
      },
      close: () => Promise.resolve(),
    } as never;
  }
}
