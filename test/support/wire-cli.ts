// Drives the real `fluorite-flake ipc` as any program in any language would: frames out, frames in.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { WireError } from '../../src/protocol/index.js';
import { createNonce } from '../../src/transport/proof.js';
import { within } from './until.js';
import { collectingReader, frameBytes } from './wire.js';

export { within };

export const root = fileURLToPath(new URL('../..', import.meta.url));
const BUILT = join(root, 'dist/src/cli.cjs');
/** What is published where it is built; the sources start 400 ms later. */
export const CLI = existsSync(BUILT) ? [BUILT] : ['--import', 'tsx', join(root, 'src/cli.ts')];

export interface WireMessage {
  jsonrpc: '2.0';
  id?: number | string | null;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: WireError;
}

export interface WireCliOptions {
  args?: string[];
  /** Written to descriptor 3, with `--auth-fd 3`. */
  token?: string;
  env?: Record<string, string>;
  nodeArgs?: string[];
}

export const initializeParams = {
  protocolVersion: 1,
  client: { name: 'test', version: '1' },
  processId: process.pid,
};

/** Messages as they come, for one reader at a time. */
export class Inbox {
  readonly #waiting: (WireMessage | WireMessage[])[] = [];
  #wake: (() => void) | undefined;

  constructor(stream: Readable) {
    const { reader, bodies } = collectingReader({ maxBodyBytes: 64 * 1024 * 1024 });
    stream.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      for (const body of bodies.splice(0)) this.#waiting.push(JSON.parse(body));
      this.#wake?.();
    });
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** The next message, a batch of answers as the array it is. */
  async nextAny(): Promise<WireMessage | WireMessage[]> {
    while (this.#waiting.length === 0) {
      const arrived = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within('message', arrived);
    }
    return this.#waiting.shift() as WireMessage | WireMessage[];
  }

  async next(): Promise<WireMessage> {
    const message = await this.nextAny();
    if (Array.isArray(message)) throw new Error(`a batch came: ${JSON.stringify(message)}`);
    return message;
  }

  async nextBatch(): Promise<WireMessage[]> {
    const message = await this.nextAny();
    if (!Array.isArray(message)) throw new Error(`no batch came: ${JSON.stringify(message)}`);
    return message;
  }
}

/** One child process and its session. */
export class WireCli {
  readonly child: ChildProcess;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly inbox: Inbox;
  readonly #ended: Promise<{ code: number | null; signal: string | null }>;
  #stderr = '';

  constructor(folder: string, { args = [], token, env = {}, nodeArgs = [] }: WireCliOptions) {
    const authentication = token === undefined ? [] : ['--auth-fd', '3'];
    const argv = [...nodeArgs, ...CLI, 'ipc', '--account', 'local', '--state-dir', join(folder, 's')];
    this.child = spawn(process.execPath, [...argv, ...authentication, ...args], {
      cwd: root,
      env: { ...withoutAccount(), FLUORITE_FLAKE_HOME: folder, ...env },
      stdio: ['pipe', 'pipe', 'pipe', token === undefined ? 'ignore' : 'pipe'],
    });
    this.stdin = this.child.stdin as Writable;
    this.stdout = this.child.stdout as Readable;
    // A child that has ended breaks its pipe; the tests look at the exit.
    this.stdin.on('error', () => {});
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    if (token !== undefined) (this.child.stdio[3] as Writable).end(token);
    this.inbox = new Inbox(this.stdout);
    this.#ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve({ code, signal }));
    });
  }

  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Resolves when the child and its pipes are closed. */
  ended(): Promise<{ code: number | null; signal: string | null }> {
    return within('exit', this.#ended);
  }

  sendBytes(bytes: Uint8Array | string): void {
    this.stdin.write(bytes);
  }

  sendBody(body: string | Uint8Array): void {
    this.stdin.write(frameBytes(body));
  }

  send(message: unknown): void {
    this.sendBody(JSON.stringify(message));
  }

  request(id: number | string, method: string, params?: unknown): void {
    this.send({ jsonrpc: '2.0', id, method, params });
  }

  notify(method: string, params?: unknown): void {
    this.send({ jsonrpc: '2.0', method, params });
  }

  /** Sends a request and takes the next message for its answer. */
  async call(id: number | string, method: string, params?: unknown): Promise<WireMessage> {
    this.request(id, method, params);
    return this.inbox.next();
  }

  initialize(nonce: string | undefined = undefined): Promise<WireMessage> {
    return this.call('init', 'initialize', { ...initializeParams, nonce });
  }
}

/** A folder for state and the children started in it, and the way to be rid of both. */
export class WireBench {
  readonly #children: WireCli[] = [];
  #folder: string | undefined;

  async folder(): Promise<string> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'wire-'));
    return this.#folder;
  }

  async start(options: WireCliOptions = {}): Promise<WireCli> {
    const cli = new WireCli(await this.folder(), options);
    this.#children.push(cli);
    return cli;
  }

  /** One that has been initialized, without a token. */
  async startReady(options: WireCliOptions = {}): Promise<WireCli> {
    const cli = await this.start(options);
    const { error } = await cli.initialize();
    if (error !== undefined) throw new Error(error.message);
    return cli;
  }

  async close(): Promise<void> {
    for (const { child } of this.#children) if (child.exitCode === null) child.kill('SIGKILL');
    await Promise.all(this.#children.splice(0).map((cli) => cli.ended()));
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}

export const newNonce = createNonce;

function withoutAccount(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CLOUDFLARE_')));
}
