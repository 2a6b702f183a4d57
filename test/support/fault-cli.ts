// A CLI that commits the fault it is asked for by a `system.ping`, taken as `cliPath`.
import { parseArgs } from 'node:util';
import type { Account, TailSink } from '../../src/accounts/account.js';
import { readTokenFromFd } from '../../src/commands/read-token.js';
import { claimStdout } from '../../src/server/claim-stdout.js';
import { Connection } from '../../src/server/connection.js';
import type { Handlers } from '../../src/server/context.js';
import { createServices } from '../../src/server/services.js';

const frames = claimStdout();
const { values } = parseArgs({
  args: process.argv.slice(3),
  strict: false,
  options: { 'auth-fd': { type: 'string' }, 'max-body-bytes': { type: 'string' } },
});
const write = frames.write.bind(frames);
const never = new Promise<never>(() => {});

const FAULTS: Record<string, () => void> = {
  'exit 0': () => process.exit(0),
  'exit 1': () => process.exit(1),
  'half frame': () => {
    write('Content-Length: 5000\r\n\r\n{"jsonrpc"');
    setImmediate(() => process.exit(1));
  },
  noise: () => void write('Debugger attached.\n'),
  // It lives on and reads no more.
  deaf: () => {
    process.stdin.destroy();
    setInterval(() => {}, 1000);
  },
  // It reads, and says nothing more.
  mute: () => {
    frames.write = () => true;
  },
  slow: () => {
    frames.write = (chunk: never, ...rest: never[]) => {
      setTimeout(() => write(chunk, ...rest), 200);
      return true;
    };
  },
};

/** `flood-<lines>`: as fast as can be, whether anybody reads or not, 200 bytes a line, then the end. */
function openTail(workerName: string, sink: TailSink): () => void {
  const flood = Number(/^flood-(\d+)$/.exec(workerName)?.[1] ?? 0);
  const line = JSON.stringify({ text: 'x'.repeat(200 - '{"text":""}'.length) });
  let sent = 0;
  const pour = () => {
    for (let i = 0; i < 2000 && sent < flood; i++, sent++) sink.push(line);
    if (sent < flood) return;
    clearInterval(timer);
    sink.end('worker-deleted');
  };
  const steady = () => sink.push(JSON.stringify({ pid: process.pid, number: sent++ }));
  const timer = flood > 0 ? setInterval(pour, 1) : setInterval(steady, 2);
  return () => clearInterval(timer);
}

const account: Account = {
  info: { kind: 'local', id: '0'.repeat(32), name: 'faults', stateDir: '/' },
  client: () => never,
  invoke: () => never,
  openTail: async ({ workerName }, sink) => {
    const close = openTail(workerName, sink);
    return { close: async () => close() };
  },
  close: () => Promise.resolve(),
};

const handlers: Partial<Handlers> = {
  'system.ping': async ({ payload }: { payload?: unknown }) => {
    const { fault, pid, unlessPid } = (payload ?? {}) as { fault?: string; pid?: number; unlessPid?: number };
    // The call is repeated after a restart; the fault is not.
    if (fault !== undefined && pid === process.pid) FAULTS[fault]?.();
    // A call that is in flight when the fault comes: the next child answers it.
    if (unlessPid === process.pid) await never;
    return { pong: true, timestamp: 0, payload } as const;
  },
  'dashboard.createR2Bucket': ({ name }: { name: string }) =>
    name === 'hangs' ? never : Promise.resolve({ success: true, bucket: { name } } as never),
};

const token = values['auth-fd'] === undefined ? undefined : await readTokenFromFd(Number(values['auth-fd']));
const connection = new Connection({
  input: process.stdin,
  output: frames,
  handlers: handlers as Handlers,
  services: createServices({ cwd: process.cwd(), log: () => {}, openAccount: async () => account }),
  token,
  maxBodyBytes: Number(values['max-body-bytes']),
});
connection.listen();
await connection.ended;
await connection.close();
process.exit(0);
