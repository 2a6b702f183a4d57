import { judgeAfter, type Timer, within } from '../src/lib/time.js';
import { type Child, spawnChild } from './child.js';
import type { ExitStatus, Launched, LaunchOptions, StopSteps } from './contract.js';
import { errorValue, Failure } from './failure.js';
import { shakeHands } from './handshake.js';
import { Heartbeat } from './heartbeat.js';
import type { Lane } from './lane.js';
import { processActivity } from './process-activity.js';
import { resolveCli } from './resolve-cli.js';
import { Session } from './session.js';
import { StderrFlow } from './stderr-flow.js';
import { TailRouter } from './tail-router.js';

/** How long a child that closed its stdout may take to end. */
const EXIT_MS = 500;
/** How often a child that is asked to end is looked at: one that is stopped by a signal hears nothing. */
const LOOK_MS = 200;
const LONG_MS = 2 ** 31 - 1;

/** How a child comes to be; another way serves simulations. */
export interface Spawner {
  resolveCli: typeof resolveCli;
  spawnChild: typeof spawnChild;
  processActivity: typeof processActivity;
}

/** Owns the one child of this thread, from spawn to exit. Whether to start another is not decided here. */
export class Supervisor {
  readonly #lane: Lane;
  readonly #spawner: Spawner;
  readonly tails: TailRouter;
  #child: Child | undefined;
  #session: Session | undefined;
  #stderr: StderrFlow | undefined;
  #heartbeat: Heartbeat | undefined;
  /** Resolves when the processes of the last child have ended. */
  #familyEnded: Promise<void> = Promise.resolve();
  #launching: Promise<Launched> | undefined;
  #stopping = false;

  constructor(lane: Lane, spawner: Spawner = { resolveCli, spawnChild, processActivity }) {
    this.#lane = lane;
    this.#spawner = spawner;
    this.tails = new TailRouter(
      lane,
      (tailId, bytes) => this.#session?.notify('tail/credit', { tailId, bytes }),
      (error) => lane.post({ type: 'fault', error: errorValue(error) }),
    );
  }

  /** The session with the running child. @throws Failure `not-running` */
  get session(): Session {
    if (this.#session === undefined)
      throw new Failure('not-running', 'The CLI is not running; call `start()` first.');
    return this.#session;
  }

  /** Messages of the lane, one a line. What comes while no child runs is dropped: the main thread settles those calls. */
  writeLines(bodies: string): void {
    this.#session?.writeLines(bodies);
  }

  /** Spawns a child and shakes hands with it. @throws Failure */
  async launch(options: LaunchOptions): Promise<Launched> {
    if (this.#launching !== undefined || this.#child !== undefined) {
      throw new Failure('start-failed', 'A CLI is running in this thread already.');
    }
    this.#stopping = false;
    this.#launching = this.#launch(options);
    try {
      return await this.#launching;
    } finally {
      this.#launching = undefined;
    }
  }

  async #launch(options: LaunchOptions): Promise<Launched> {
    const cli = await this.#spawner.resolveCli(options.cliPath, options.env, options.cwd ?? process.cwd());
    if (this.#stopping)
      throw new Failure('not-running', 'The sidecar was stopped before the CLI was spawned.');
    const stderr = new StderrFlow(this.#lane);
    this.#stderr = stderr;
    const child = await this.#spawner.spawnChild(cli, options, (text) => stderr.send(text));
    this.#child = child;
    this.#familyEnded = child.familyEnded;
    this.#lane.post({ type: 'spawned', pid: child.pid });
    let fault: Failure | undefined;
    const session = new Session({
      stdin: child.stdin,
      lane: this.#lane,
      tails: this.tails,
      maxBodyBytes: options.maxBodyBytes,
      onFault: (error) => {
        fault = error;
        this.#fault(child, error);
      },
    });
    child.stdout.on('data', (chunk: Buffer) => {
      this.#heartbeat?.heard();
      session.read(chunk);
    });
    this.#watch(child, session);
    try {
      const launched = await Promise.race([shakeHands(session, child.pid, options), failWhenEnded(child)]);
      this.#session = session;
      this.#startHeartbeat(child, session, options.heartbeatTimeoutMs);
      return launched;
    } catch (error) {
      // A pipe that closed in the middle of the handshake: how the child ended says more than that.
      const isBroken = fault === undefined && error instanceof Failure && error.code === 'indeterminate';
      const ended = isBroken && (await endsWithin(child, EXIT_MS));
      child.signal('SIGKILL');
      const status = await child.ended;
      throw explain(fault ?? (ended ? endedBeforeReady(status) : error), child, options);
    }
  }

  #startHeartbeat(child: Child, session: Session, timeoutMs: number): void {
    if (timeoutMs === 0) return;
    this.#heartbeat = new Heartbeat({
      timeoutMs,
      // The heartbeat keeps the time, and the end of the session settles the call.
      ping: () => session.call('system.ping', {}, LONG_MS),
      activity: (isOverdue) => this.#spawner.processActivity(child.pid, isOverdue),
      onSilent: (error) => this.#fault(child, error),
    });
  }

  #stopHeartbeat(): void {
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
  }

  #watch(child: Child, session: Session): void {
    const disconnect = () => {
      if (this.#session === session) {
        this.#session = undefined;
        this.#stopHeartbeat();
        this.#lane.flush();
        this.#lane.post({ type: 'disconnected' });
      }
      session.close();
      this.tails.clear();
    };
    // It reads no more, which shows when it is written to.
    child.stdin.once('close', () => void this.#killUnlessEnding(child));
    child.stdout.once('close', () => {
      disconnect();
      void this.#killUnlessEnding(child);
    });
    void child.ended.then((status) => {
      disconnect();
      if (this.#child === child) this.#child = undefined;
      this.#lane.post({ type: 'exit', pid: child.pid, status });
    });
  }

  /** A child that closed a pipe and lives on is of no use; the ladder of `stop` gives it more time. */
  async #killUnlessEnding(child: Child): Promise<void> {
    if (!this.#stopping && !(await endsWithin(child, EXIT_MS)) && !this.#stopping) child.signal('SIGKILL');
  }

  /** Before the handshake is done its failure tells the fault. */
  #fault(child: Child, error: Failure): void {
    if (this.#session !== undefined) this.#lane.post({ type: 'fault', error: errorValue(error) });
    child.signal('SIGKILL');
  }

  /** The main thread has taken so many characters of the child's stderr. */
  tookStderr(chars: number): void {
    this.#stderr?.took(chars);
  }

  kill(): void {
    this.#child?.signal('SIGKILL');
  }

  /** Asks, then presses, then kills; each step waits as long as `steps` says. */
  async stop(steps: StopSteps): Promise<void> {
    this.#stopping = true;
    this.#stopHeartbeat();
    // A launch that has not spawned yet will not do so any more.
    if (this.#child === undefined) await this.#launching?.catch(() => undefined);
    if (this.#child !== undefined) await this.#end(this.#child, steps);
    // When the child was killed, the shells that guard its workerd end that one.
    await within(steps.familyMs, this.#familyEnded);
  }

  async #end(child: Child, steps: StopSteps): Promise<void> {
    if (steps.shutdownMs === 0) {
      child.signal('SIGKILL');
      await child.ended;
      return;
    }
    if (this.#session === undefined) {
      child.signal('SIGTERM');
    } else {
      // Its answer does not matter, its exit does; a child that refuses is taken the next step.
      this.#session.call('system.shutdown', {}, steps.shutdownMs).catch(() => undefined);
      if (await this.#endsUnlessStopped(child, steps.shutdownMs)) return;
    }
    child.stdin.end();
    if (await this.#endsUnlessStopped(child, steps.stdinEndMs)) return;
    child.signal('SIGTERM');
    if (await endsWithin(child, steps.sigtermMs)) return;
    child.signal('SIGKILL');
    await child.ended;
  }

  /** Whether the child ends in time. One that is stopped by a signal cannot, and is killed. */
  async #endsUnlessStopped(child: Child, ms: number): Promise<boolean> {
    let wasStopped = false;
    for (let leftMs = ms; leftMs > 0; leftMs -= LOOK_MS) {
      if (await endsWithin(child, Math.min(LOOK_MS, leftMs))) return true;
      const isStopped = (await this.#spawner.processActivity(child.pid, true))?.state === 'stopped';
      // Twice: a debugger, or the shell of a terminal, may have stopped it for a moment.
      if (isStopped && wasStopped) {
        child.signal('SIGKILL');
        await child.ended;
        return true;
      }
      wasStopped = isStopped;
    }
    return false;
  }
}

async function endsWithin(child: Child, ms: number): Promise<boolean> {
  let timer: Timer | undefined;
  const late = new Promise<false>((resolve) => {
    timer = judgeAfter(ms, () => resolve(false));
  });
  const ended = await Promise.race([child.ended.then(() => true), late]);
  timer?.clear();
  return ended;
}

async function failWhenEnded(child: Child): Promise<never> {
  throw endedBeforeReady(await child.ended);
}

function endedBeforeReady({ code, signal }: ExitStatus): Failure {
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  return new Failure('start-failed', `The CLI ended with ${how} before it was ready.`, {
    exitCode: code,
    signal,
  });
}

/** A failed launch names the file and shows what the child said last. */
function explain(error: unknown, child: Child, options: LaunchOptions): Failure {
  const { code, message, data } = errorValue(error);
  const stderr = child.stderrTail();
  const late =
    code === 'timeout'
      ? `The CLI did not answer the handshake within ${options.startTimeoutMs} ms.`
      : message;
  const foreign =
    code === 'protocol-error' || code === 'internal-error'
      ? ` Is ${options.cliPath} the fluorite-flake CLI?`
      : '';
  const kept =
    code === 'authentication-failed' || code === 'version-mismatch' || code === 'credentials-missing'
      ? code
      : 'start-failed';
  return new Failure(kept, `${late}${foreign}`, {
    ...data,
    cliPath: options.cliPath,
    stderr,
    reason: code,
  });
}
