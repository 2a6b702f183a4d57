// A CLI with small real handlers and one fault, taken as `cliPath`. The scenario stands in the environment:
// SCENARIO names the fault, SCENARIO_FOLDER a folder that outlives the process (to count launches, for example).
import { appendFileSync, closeSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Account, TailSink } from '../../src/accounts/account.js';
import { readTokenFromFd } from '../../src/commands/read-token.js';
import { SidecarError } from '../../src/protocol/index.js';
import { claimStdout } from '../../src/server/claim-stdout.js';
import { Connection } from '../../src/server/connection.js';
import type { CallContext, Handlers } from '../../src/server/context.js';
import { createServices } from '../../src/server/services.js';
import { frame } from '../../src/transport/frame-writer.js';

const scenario = process.env.SCENARIO ?? '';
const folder = process.env.SCENARIO_FOLDER ?? '.';
const frames = claimStdout();
// Not the CLI's own parser: with it the whole product would be bundled into each scenario.
const { values } = parseArgs({
  args: process.argv.slice(3),
  strict: false,
  options: { 'auth-fd': { type: 'string' }, 'max-body-bytes': { type: 'string' } },
});
const authFd = values['auth-fd'] === undefined ? undefined : Number(values['auth-fd']);
const maxBodyBytes = Number(values['max-body-bytes']);

/** Counts the launches of this folder, from 1. */
appendFileSync(join(folder, 'launches'), `${process.pid}\n`);
const launch = readFileSync(join(folder, 'launches'), 'utf8').trim().split('\n').length;

function note(line: string): void {
  appendFileSync(join(folder, 'notes'), `${line}\n`);
}

const scriptName = 'scenario';
function traceEvent(number: number, filler = ''): string {
  return JSON.stringify({
    scriptName,
    outcome: 'ok',
    eventTimestamp: number,
    logs: [{ message: [`line ${number}${filler}`], level: 'log', timestamp: number }],
    exceptions: [],
    event: null,
  });
}

function blockUntilFile(file: string): void {
  const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(nobodyWakes, 0, 0, 5);
}

/**
 * `flood-<events>`: as fast as can be, then the end; `deleted`: the end; `handed-over`: a gap; `quiet-…`: nothing;
 * `ends-<reason>-…`: an event and that end; `fatal`: its end kills the process; `busy`: opened
 * once there is a file of that name in the folder, and until then nothing is read; any other: one event every millisecond.
 */
function openTail(workerName: string, sink: TailSink): () => void {
  if (workerName === 'missing') throw new SidecarError('not-found', 'There is no Worker "missing".');
  if (workerName.startsWith('busy')) blockUntilFile(join(folder, workerName));
  let sent = 0;
  const flood = Number(/^flood-(\d+)$/.exec(workerName)?.[1] ?? 0);
  const reason = /^ends-(.+)-\d+$/.exec(workerName)?.[1];
  const timer =
    flood > 0
      ? setInterval(() => {
          for (let i = 0; i < 5000 && sent < flood; i++) sink.push(traceEvent(sent++, ' '.repeat(100)));
          if (sent < flood) return;
          clearInterval(timer);
          sink.end('worker-deleted');
        }, 1)
      : setInterval(() => {
          if (workerName === 'deleted' && sent === 3) sink.end('worker-deleted');
          else if (workerName === 'handed-over' && sent === 3 && sent++) sink.gap?.();
          else if (workerName.startsWith('quiet')) return;
          else if (reason && sent === 1) sink.end(reason as never, endError(reason));
          else sink.push(traceEvent(sent++));
        }, 1);
  note(`tail opened ${workerName}`);
  return () => {
    clearInterval(timer);
    note(`tail closed ${workerName}`);
    if (workerName === 'fatal') process.kill(process.pid, 'SIGKILL');
  };
}

function endError(reason: string): { code: string; message: string } | undefined {
  return reason === 'error' ? { code: 'network-error', message: 'the network is gone' } : undefined;
}

const account: Account = {
  info: { kind: 'local', id: '0'.repeat(32), name: 'scenario', stateDir: folder },
  client: () => Promise.reject(new SidecarError('unsupported', 'The scenario has no API.')),
  invoke: () => Promise.reject(new SidecarError('unsupported', 'The scenario invokes nothing.')),
  async openTail({ workerName }, sink) {
    const close = openTail(workerName, sink);
    if (workerName === 'behind-stop') {
      pausing.isTailAsked = true;
      while (!pausing.isStopped) await turn();
      pausing.isStopped = false;
    }
    return { close: async () => close() };
  },
  close: () => Promise.resolve(),
};

const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Of a call and a tail that are both answered while the host is stopped. */
const pausing = { isTailAsked: false, isStopped: false };

/** Stops the host, once the tail is asked for too; unless the machine was so slow that half of the calls' time is up. */
async function stopHost(startedMs: number, timeoutMs: number): Promise<boolean> {
  while (!pausing.isTailAsked) await turn();
  pausing.isTailAsked = false;
  const isEarly = Date.now() - startedMs < timeoutMs / 2;
  if (isEarly) process.kill(process.ppid, 'SIGSTOP');
  pausing.isStopped = true;
  // Behind the writes of both answers.
  while (pausing.isStopped) await turn();
  if (isEarly) void turn().then(() => note(`answered ${timeoutMs}`));
  return isEarly;
}

/** A call that answers when it is cancelled. */
function untilCancelled({ signal }: CallContext): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      note('cancelled');
      reject(new Error('cancelled'));
    });
  });
}

function killSelf(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

let wasHostStopped = false;

async function ping({ payload }: { payload?: unknown }, context: CallContext) {
  if (payload === 'exit') process.exit(7);
  if (payload === 'hang') await untilCancelled(context);
  if (payload === 'die-once' && launch === 1) await killSelf();
  if (payload === 'environment') return { pong: true, timestamp: 0, payload: { ...process.env } } as const;
  if (payload === 'arguments')
    return { pong: true, timestamp: 0, payload: [...process.argv, process.cwd()] } as const;
  const { startedMs, timeoutMs } = Object(payload) as { startedMs?: number; timeoutMs?: number };
  if (startedMs !== undefined && timeoutMs !== undefined)
    wasHostStopped = await stopHost(startedMs, timeoutMs);
  if (payload === 'was-host-stopped') return { pong: true, timestamp: 0, payload: wasHostStopped } as const;
  if (payload === 'note-answer') {
    // Behind the write of the answer, which leaves at the end of this tick.
    setImmediate(() => note('answered'));
  }
  if (payload === 'launch') return { pong: true, timestamp: 0, payload: launch } as const;
  return { pong: true, timestamp: Date.now(), payload } as const;
}

const some: { -readonly [M in keyof Handlers]?: Handlers[M] } = {
  'system.ping': ping,
  'system.version': () => ({ version: '0.0.0', node: process.version, protocol: 1 }),
  'dashboard.getData': () => ({
    account: account.info,
    workers: [],
    r2Buckets: [],
    kvNamespaces: [],
    durableObjects: [],
    deployments: [],
    errors: [],
  }),
  'dashboard.listR2Buckets': () => [{ name: 'first' }],
  'dashboard.createR2Bucket': ({ name }) => {
    if (name === 'taken') {
      const cloudflare = { status: 409, errors: [{ code: 10004, message: 'The bucket exists.' }] };
      throw new SidecarError('already-exists', 'The bucket "taken" exists.', { data: { cloudflare } });
    }
    return { success: true, bucket: { name } } as never;
  },
  'dashboard.deleteR2Bucket': () => ({ success: true }),
  'dashboard.deployWorker': async ({ name = 'worker', dryRun }) => {
    if (name === 'kill-child') await killSelf();
    return { success: true, message: 'done', name, size: 1, gzipSize: 1, dryRun, warnings: [], notes: [] };
  },
  'dashboard.listWorkers': () => [{ name: 7 }] as never,
  'project.create': async ({ name, path }, { progress }) => {
    for (const percentage of [25, 50, 75]) progress({ message: `step ${percentage}`, percentage });
    await new Promise((resolve) => setImmediate(resolve));
    return { success: true, projectPath: join(path, name), files: [] };
  },
};

/** Serves as the product does, with faults beside it. */
async function serve(token: string | undefined): Promise<never> {
  armFault();
  const connection = new Connection({
    input: process.stdin,
    output: frames,
    // The tests call no other methods.
    handlers: some as Handlers,
    services: createServices({ cwd: process.cwd(), log: () => {}, openAccount: async () => account }),
    token,
    maxBodyBytes,
  });
  connection.listen();
  await connection.ended;
  if (scenario === 'refuse-to-stop') return new Promise(() => setInterval(() => {}, 1000));
  await connection.close();
  process.exit(0);
}

/** What a broken CLI writes between its frames, once it has been asked for a `system.version`. */
const BROKEN_OUTPUT: Record<string, string | Buffer> = {
  noise: 'Debugger attached.\n',
  'half-frame': 'Content-Length: 5000\r\n\r\n{"jsonrpc"',
  'wrong-length': 'Content-Length: 99999999999\r\n\r\n{}',
  'unknown-id': frame('{"jsonrpc":"2.0","id":999998,"result":1}'),
  'unknown-odd-id': frame('{"jsonrpc":"2.0","id":999999,"result":1}'),
  'not-json': frame('{"jsonrpc":"2.0","id":2,"result":nonsense}'),
  'two-in-one': frame('{"jsonrpc":"2.0","id":2,"result":1},{"jsonrpc":"2.0","id":4,"result":1}'),
  'not-utf8': Buffer.concat([Buffer.from('Content-Length: 2\r\n\r\n'), Buffer.from([0xff, 0xfe])]),
  'a-request': frame('{"jsonrpc":"2.0","id":1,"method":"roots/list"}'),
};

function armFault(): void {
  const broken = BROKEN_OUTPUT[scenario];
  if (broken !== undefined && launch === 1) {
    some['system.version'] = () => {
      frames.write(broken);
      if (scenario === 'half-frame') setImmediate(() => process.exit(1));
      return new Promise(() => {});
    };
  }
  if (scenario === 'refuse-to-stop') {
    process.on('SIGTERM', () => note('refused SIGTERM'));
    process.on('SIGHUP', () => {});
  }
  if (scenario === 'close-stdout' && launch === 1) {
    some['system.version'] = () => new Promise(() => closeSync(1));
  }
}

function answerInitialize(result: unknown): void {
  process.stdin.once('data', () => frames.write(frame(JSON.stringify({ jsonrpc: '2.0', id: 1, result }))));
}

function exitAfterFirstAnswer(): void {
  const write = frames.write.bind(frames) as (chunk: unknown, encoding: unknown, done: () => void) => boolean;
  frames.write = (chunk: unknown) => write(chunk, 'utf8', () => process.exit(0));
}

async function start(): Promise<void> {
  switch (scenario) {
    case 'mute':
      setInterval(() => {}, 1000);
      process.on('SIGTERM', () => {});
      return;
    case 'exit-before-ready':
      process.stderr.write(`cannot go on with ${process.env.CLOUDFLARE_API_TOKEN ?? 'nothing'}\n`);
      process.exit(Number(process.env.SCENARIO_CODE ?? 1));
      break;
    case 'killed-before-ready':
      await killSelf();
      break;
    case 'fail-later':
      if (launch > 1) process.exit(3);
      break;
    case 'fail-second':
      if (launch === 2) process.exit(3);
      break;
    case 'talk':
      process.stderr.write('x'.repeat(2 * 1024 * 1024));
      process.stderr.write(`\nsecret ${process.env.CLOUDFLARE_API_TOKEN}`);
      setTimeout(() => process.stderr.write(' tail\n'), 5);
      break;
    case 'long-line': {
      const secret = process.env.CLOUDFLARE_API_TOKEN ?? '';
      process.stderr.write(`${'x'.repeat(70_000)}${secret.slice(0, 10)}`);
      setTimeout(() => process.stderr.write(`${secret.slice(10)}\nbehind it\n`), 5);
      break;
    }
    case 'long-stderr-before-ready':
      // What is kept for the error may begin in the middle of the secret.
      process.stderr.write(`${process.env.CLOUDFLARE_API_TOKEN}${'y'.repeat(4096 - 10)}\n`);
      process.exit(1);
      break;
    case 'grandchild': {
      const { spawn } = await import('node:child_process');
      const child = spawn('sleep', ['600'], { stdio: ['ignore', frames as never, 'ignore'], detached: true });
      note(`grandchild ${child.pid}`);
      child.unref();
      break;
    }
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, 300));
      break;
    case 'wrong-version':
      answerInitialize({ protocolVersion: 99 });
      return;
    case 'no-account':
      answerInitialize({ protocolVersion: 1 });
      return;
    case 'exit-when-ready':
      exitAfterFirstAnswer();
      break;
  }
  const token = authFd === undefined ? undefined : await readTokenFromFd(authFd);
  if (scenario === 'secret-in-stderr') process.stderr.write(`${token}\n`);
  await serve(scenario === 'wrong-token' ? `not ${token}` : token);
}

await start();
