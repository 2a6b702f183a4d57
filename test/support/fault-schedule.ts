// A schedule of calls, tails, restarts and faults, carried out under virtual time, and what must not come of it.
import { SidecarState } from '../../bridge/state.js';
import { SidecarError } from '../../src/protocol/index.js';
import { frame } from '../../src/transport/frame-writer.js';
import { settle, VirtualClock } from './fault-clock.js';
import { World, type WorldOptions } from './fault-world.js';

export type Step =
  | { do: 'start' | 'stop' | 'restart' | 'tail' | 'leave-tail' | 'abort' | 'shutdown' }
  | { do: 'ping' | 'create'; takesMs: number; timeoutMs?: number }
  | { do: 'pass' | 'sleep'; ms: number }
  | { do: 'fault'; fault: Fault };

export const FAULTS = [
  'kill',
  'exit 0',
  'exit 1',
  'half frame',
  'noise',
  'wrong answer',
  'stop',
  'continue',
  'busy',
  'close stdout',
  'close stdin',
  'thread dies',
  'thread wedges',
] as const;
export type Fault = (typeof FAULTS)[number];

interface Call {
  name: string;
  kind: 'ping' | 'create';
  outcome: 'pending' | 'result' | SidecarError;
  settled: number;
  /** Made while a child was there to take it. */
  sent: boolean;
  abort: AbortController;
}

/** Of all schedules of this process; `errors` without what was cancelled as asked. */
export const totals = { calls: 0, errors: 0, restarts: 0, faults: 0, indeterminate: 0 };

/** Carries one schedule out. @returns what was wrong */
class Schedule {
  readonly world: World;
  readonly calls: Call[] = [];
  readonly lives: { what: string; settled: boolean }[] = [];
  readonly violations: string[];
  #wrongAnswers = 0;
  readonly #tails: { stop(): void }[] = [];

  constructor(
    worldOptions: WorldOptions,
    readonly clock: VirtualClock,
  ) {
    this.world = new World(worldOptions);
    this.violations = this.world.violations;
    this.world.onDisconnected = () => {
      const writes = this.calls.filter(({ kind, sent }) => kind === 'create' && sent);
      setImmediate(() => {
        for (const { name, outcome } of writes)
          if (outcome === 'pending') this.violations.push(`${name} outlived its child`);
      });
    };
  }

  /** Of start, stop, restart and tails: each ends, in a typed error at worst. */
  #follow(what: string, promise: Promise<unknown>): void {
    const life = { what, settled: false };
    this.lives.push(life);
    promise.then(
      () => {
        life.settled = true;
      },
      (error) => {
        life.settled = true;
        if (!(error instanceof SidecarError)) this.violations.push(`${what}: ${(error as Error).stack}`);
        else if (error.code === 'internal-error') this.violations.push(`${what}: ${error.message}`);
      },
    );
  }

  #call(kind: 'ping' | 'create', takes: number, timeout: number | undefined): void {
    const number = this.calls.length;
    const name = kind === 'ping' ? `ping ${number}` : `b-${number}-${takes}`;
    const abort = new AbortController();
    const call: Call = {
      name,
      kind,
      outcome: 'pending',
      settled: 0,
      sent: this.world.supervision.state.is(SidecarState.RUNNING),
      abort,
    };
    this.calls.push(call);
    const { STARTING, RUNNING, RESTARTING } = SidecarState;
    if (!this.world.supervision.state.is(STARTING, RUNNING, RESTARTING)) {
      // The sidecar refuses these.
      call.outcome = new SidecarError('not-running', 'refused');
      call.settled = 1;
      return;
    }
    const { calls } = this.world.connection;
    const callOptions = { signal: abort.signal, ...(timeout !== undefined && { timeout }) };
    const answered: Promise<unknown> =
      kind === 'ping'
        ? calls.call('system.ping', { payload: [number, takes] }, callOptions)
        : calls.call('dashboard.createR2Bucket', { name }, callOptions);
    answered.then(
      (result) => {
        call.settled++;
        call.outcome = 'result';
        const own = JSON.stringify(kind === 'ping' ? [number, takes] : name);
        if (!JSON.stringify(result).includes(own)) this.violations.push(`${name} got another's answer`);
      },
      (error) => {
        call.settled++;
        call.outcome = error;
        if (!(error instanceof SidecarError)) this.violations.push(`${name}: ${(error as Error).stack}`);
      },
    );
  }

  #tail(): void {
    const { STARTING, RUNNING, RESTARTING } = SidecarState;
    if (!this.world.supervision.state.is(STARTING, RUNNING, RESTARTING)) return;
    const stream = this.world.connection.tails.open({ workerName: 'any' }, undefined);
    this.#tails.push(stream);
    this.#follow('tail', this.#read(stream));
  }

  async #read(stream: AsyncIterable<unknown>): Promise<void> {
    let pid: unknown;
    let next = 0;
    let gap = false;
    for await (const item of stream) {
      const event = item as { gap?: true; pid: number; number: number };
      if (event.gap) gap = true;
      else {
        if (pid !== undefined && event.pid !== pid) {
          if (!gap) this.violations.push('a tail went on without a gap');
        } else if (event.number < next) this.violations.push('an event came twice');
        pid = event.pid;
        next = event.number + 1;
        gap = false;
      }
    }
  }

  #fault(fault: Fault): void {
    const { world } = this;
    const { child } = world;
    totals.faults++;
    if (fault === 'thread dies') world.killThread();
    else if (fault === 'thread wedges') world.wedgeThread();
    else if (fault === 'kill') child?.exit(null, 'SIGKILL');
    else if (fault === 'exit 0') child?.exit(0, null);
    else if (fault === 'exit 1') child?.exit(1, null);
    else if (fault === 'half frame') {
      child?.write('Content-Length: 5000\r\n\r\n{"jsonrpc"');
      child?.exit(1, null);
    } else if (fault === 'noise') child?.write('Debugger attached.\n');
    else if (fault === 'wrong answer') {
      this.#wrongAnswers++;
      child?.write(frame('{"jsonrpc":"2.0","id":99998,"result":1}'));
    } else if (fault === 'stop') child?.freeze('stopped');
    else if (fault === 'busy') {
      child?.freeze('running');
      setTimeout(() => child?.thaw(), 9000);
    } else if (fault === 'continue') child?.thaw();
    else if (fault === 'close stdin') child?.closeStdin();
    else child?.closeStdout();
  }

  async run(step: Step): Promise<void> {
    const { supervision, connection } = this.world;
    if (step.do === 'pass') await this.clock.advance(step.ms);
    else if (step.do === 'sleep') await this.clock.leap(step.ms);
    else if (step.do === 'ping' || step.do === 'create') this.#call(step.do, step.takesMs, step.timeoutMs);
    else if (step.do === 'fault') this.#fault(step.fault);
    else if (step.do === 'tail') this.#tail();
    else if (step.do === 'leave-tail') this.#tails.pop()?.stop();
    else if (step.do === 'abort') this.calls.at(-1)?.abort.abort();
    else if (step.do === 'shutdown') {
      if (supervision.state.is(SidecarState.RUNNING))
        this.#follow(
          'shutdown',
          connection.calls.call('system.shutdown', {}, {}, () => void supervision.stop()),
        );
    } else this.#follow(step.do, supervision[step.do]());
  }

  /** The end: everything settles within the ladder of a stop, and nothing is left. */
  async finish(): Promise<void> {
    this.#follow('last stop', this.world.supervision.stop());
    await this.clock.advance(6500);
    await settle(6);
    for (const { what, settled } of this.lives) if (!settled) this.violations.push(`${what} hangs`);
    for (const call of this.calls) this.#check(call);
    // A late answer to a call that was given up is no fault.
    const strangers = this.world.faults.filter((fault) => fault.includes('never made')).length;
    if (strangers > this.#wrongAnswers) this.violations.push('an answer was held against the child');
    for (const { isAlive } of this.world.children) if (isAlive) this.violations.push('a child is left');
    if (!this.world.supervision.state.is(SidecarState.STOPPED, SidecarState.IDLE))
      this.violations.push(`the end is ${this.world.state}`);
    await this.clock.advance(70_000);
    if (this.clock.pending > 0) this.violations.push(`${this.clock.pending} timers are left`);
    totals.calls += this.calls.length;
    totals.restarts += this.world.changes.filter(({ to }) => to === SidecarState.RESTARTING).length;
  }

  #check({ name, kind, outcome, settled }: Call): void {
    const executed = this.world.executions.get(name) ?? 0;
    if (outcome === 'pending') this.violations.push(`${name} hangs`);
    if (settled !== 1) this.violations.push(`${name} settled ${settled} times`);
    if (executed > (kind === 'ping' ? 2 : 1))
      this.violations.push(`${name} was carried out ${executed} times`);
    if (outcome === 'result' && executed === 0) this.violations.push(`${name} was never carried out`);
    if (!(outcome instanceof SidecarError)) return;
    if (outcome.code !== 'cancelled') totals.errors++;
    if (outcome.code === 'indeterminate') totals.indeterminate++;
    // Every other code says that nothing was done, or that the caller himself gave it up.
    const isOpen = ['indeterminate', 'timeout', 'cancelled'].includes(outcome.code);
    if (kind === 'create' && !isOpen && executed > 0)
      this.violations.push(`${name} was carried out, and is told ${outcome.code}`);
    if (['internal-error', 'protocol-error'].includes(outcome.code))
      this.violations.push(`${name}: ${outcome.code}: ${outcome.message}`);
  }
}

/** Starts, carries the steps out and stops. @returns what was wrong */
export async function violationsOf(worldOptions: WorldOptions, steps: readonly Step[]): Promise<string[]> {
  const clock = new VirtualClock();
  const realKill = process.kill;
  const unhandled: string[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(`unhandled: ${(error as Error).stack}`);
  process.on('unhandledRejection', onUnhandled);
  clock.install();
  const schedule = new Schedule(worldOptions, clock);
  process.kill = schedule.world.kill;
  try {
    for (const one of [{ do: 'start' } as Step, ...steps]) await schedule.run(one);
    await schedule.finish();
  } finally {
    process.kill = realKill;
    clock.uninstall();
    process.off('unhandledRejection', onUnhandled);
  }
  return [...schedule.violations, ...unhandled];
}
