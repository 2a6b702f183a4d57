import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { SidecarError } from '../../protocol/index.js';
import { localRouter } from './api/index.js';
import { ok, throwCarried } from './envelope.js';
import { acquireOwnership, type OwnerRecord, stateLocked } from './ownership.js';
import { CLOSING_HEADER } from './router.js';
import { LocalServices, type ServicesOptions } from './services.js';
import { fetchOverSocket, isRefused, probeSocket } from './socket-fetch.js';
import { newSocketPath, removeSocketFolder } from './socket-folder.js';
import { type SocketServer, serveOnSocket } from './socket-server.js';

type Handle = (request: Request) => Promise<Response>;

/** This process answers itself, or the owner of the state directory does. */
type Role =
  | { kind: 'owner'; handle: Handle; services: LocalServices }
  | { kind: 'sharer'; record: OwnerRecord };

const OWNER_TIMEOUT_MS = 5_000;
const MAX_TAKEOVERS = 3;

export interface SharedApiOptions extends ServicesOptions {
  /** How long another owner may leave a ping without an answer, in milliseconds; default 5,000. */
  ownerTimeoutMs?: number;
}

/**
 * The API of a state directory, whoever owns it. Ownership is taken at the first request and kept until `close()`;
 * while another process has it, requests go to that one, and when that one goes away, the next request takes it over.
 */
export class SharedApi {
  readonly #options: SharedApiOptions;
  readonly #ownerTimeoutMs: number;
  readonly #agent = new Agent({ keepAlive: true });
  #role: Promise<Role> | undefined;
  /** What `#role` has come to. */
  #known: Role | undefined;
  #server: SocketServer | undefined;
  /** What others' requests wait for while this process is becoming the owner. */
  #serving: PromiseWithReject<Handle> = deferred();
  #closed: Promise<void> | undefined;

  constructor(options: SharedApiOptions) {
    this.#options = options;
    this.#ownerTimeoutMs = options.ownerTimeoutMs ?? OWNER_TIMEOUT_MS;
  }

  /** Whether this process owns the state directory now; undefined before the first request. */
  async isOwner(): Promise<boolean | undefined> {
    return this.#role && (await this.#role).kind === 'owner';
  }

  /**
   * Answers a request.
   * @param make makes the request; called again when it has to be repeated for a new owner.
   * @param repeatable whether doing it twice has the effect of doing it once.
   * @throws SidecarError `state-locked`, `state-corrupt`, `indeterminate`, or what the request itself failed with.
   */
  async send(make: () => Request, repeatable: boolean): Promise<Response> {
    for (let takeovers = 0; ; takeovers += 1) {
      const role = await this.#current();
      const request = make();
      if (role.kind === 'owner') return throwCarried(await role.handle(request));
      const response = await this.#sendToOwner(role, request).catch((error: unknown) => {
        if (request.signal.aborted || error instanceof SidecarError) throw error;
        this.#forget(role);
        if (isRefused(error) || (repeatable && takeovers < MAX_TAKEOVERS)) return undefined;
        throw ownerGone(role.record, error);
      });
      if (response) return throwCarried(response);
    }
  }

  /** Gives ownership back and ends what it ran. Can be called twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const role = await this.#role?.catch(() => undefined); // Its own caller was told.
    // First all work, then the socket: as long as it answers, nobody else starts on the same files.
    if (role?.kind === 'owner') await role.services.close();
    await this.#server?.close();
    this.#agent.destroy();
    // An empty folder that stays is used again; all that mattered is done.
    if (this.#server) await removeSocketFolder(this.#server.socketPath).catch(this.#logUnremoved);
  }

  readonly #logUnremoved = (error: Error): void =>
    this.#options.log(`local account: the folder for sockets stays: ${error.message}`);

  #current(): Promise<Role> {
    if (this.#closed) return Promise.reject(new SidecarError('not-running', 'The local account is closed.'));
    this.#role ??= this.#acquire().then(
      (role) => {
        this.#known = role;
        return role;
      },
      (error: unknown) => {
        this.#role = undefined;
        throw error;
      },
    );
    return this.#role;
  }

  #forget(role: Role): void {
    if (this.#known !== role) return;
    this.#known = undefined;
    this.#role = undefined;
  }

  async #acquire(): Promise<Role> {
    try {
      const record = await acquireOwnership({
        stateDir: this.#options.stateDir,
        probe: (socketPath) => probeSocket(socketPath, this.#ownerTimeoutMs),
        listen: async () => {
          this.#server ??= await this.#listen();
          return this.#server.socketPath;
        },
        unlisten: () => this.#unlisten(),
      });
      if (record) return { kind: 'sharer', record };
      const services = await LocalServices.open(this.#options);
      const { log } = this.#options;
      const handle: Handle = (request) => localRouter.answer(request, services, log);
      this.#serving.resolve(handle);
      return { kind: 'owner', handle, services };
    } catch (error) {
      await this.#unlisten();
      throw error;
    }
  }

  async #listen(): Promise<SocketServer> {
    const serving = deferred<Handle>();
    this.#serving = serving;
    const { stateDir, log } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const path = await newSocketPath(stateDir);
      try {
        return await serveOnSocket(path, (request) => this.#serve(request, serving.promise), log);
      } catch (error) {
        // An owner that closed has just removed the folder for sockets; libuv says EACCES for ENOENT there.
        const code = (error as NodeJS.ErrnoException).code;
        if ((code !== 'ENOENT' && code !== 'EACCES') || attempt === 3) throw error;
      }
    }
  }

  async #unlisten(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#serving.reject(new Error('not the owner'));
    await server?.close();
  }

  async #serve(request: Request, serving: Promise<Handle>): Promise<Response> {
    const closing = () => new Response(null, { status: 503, headers: { [CLOSING_HEADER]: '1' } });
    if (this.#closed) return closing();
    const handle = await serving.catch(() => undefined);
    if (!handle || this.#closed) return closing();
    return new URL(request.url).pathname === '/local/ping' ? ok({ pid: process.pid }) : handle(request);
  }

  /** @returns undefined when the owner is closing, so that somebody has to take over. */
  async #sendToOwner(role: Role & { kind: 'sharer' }, request: Request): Promise<Response | undefined> {
    const { record } = role;
    const aborter = new AbortController();
    const signal = AbortSignal.any([request.signal, aborter.signal]);
    const answer = fetchOverSocket(record.socketPath, new Request(request, { signal }), this.#agent);
    const watch = new AbortController();
    const stuck = this.#watchOwner(record, watch.signal);
    try {
      const response = await Promise.race([answer, stuck]);
      if (!response.headers.has(CLOSING_HEADER)) return response;
      await response.body?.cancel();
      this.#forget(role);
      return undefined;
    } catch (error) {
      aborter.abort();
      answer.catch(() => {}); // `stuck` has won; what the aborted request says no longer matters.
      throw error;
    } finally {
      watch.abort();
    }
  }

  /** Rejects when the owner neither answers the request nor a ping; a deploy may take long, a ping may not. */
  async #watchOwner(record: OwnerRecord, signal: AbortSignal): Promise<never> {
    for (;;) {
      try {
        await delay(this.#ownerTimeoutMs, undefined, { signal, ref: false });
      } catch {
        return new Promise<never>(() => {}); // The request has settled.
      }
      const liveness = await probeSocket(record.socketPath, this.#ownerTimeoutMs);
      if (liveness === 'silent') throw stateLocked(this.#options.stateDir, record);
    }
  }
}

function ownerGone(record: OwnerRecord, cause: unknown): SidecarError {
  return new SidecarError(
    'indeterminate',
    `The process ${record.pid}, which owned the state directory, ended while it worked on the request; it may or may not have been carried out. Look, then try again.`,
    { data: { pid: record.pid }, cause },
  );
}

interface PromiseWithReject<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

function deferred<T>(): PromiseWithReject<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => {}); // Nobody may be waiting.
  return { promise, resolve, reject };
}
