import { SidecarError } from '../../protocol/index.js';
import { deferred } from './deferred.js';
import { failed, ok } from './envelope.js';
import type { HeldLock } from './held-lock.js';
import { CLOSING_HEADER, HELLO_PATH, OWNER_HEADER, sayHello } from './hello.js';
import { SHARING_PROTOCOL } from './owner-record.js';
import { newSocketPath, removeSocketFolder, type StateDirectory } from './socket-folder.js';
import { type SocketServer, serveOnSocket } from './socket-server.js';

type Handle = (request: Request) => Promise<Response>;

/**
 * Where other processes reach this one. It listens before the state directory is claimed, says who it is once that is
 * claimed, and answers requests once the account is open. Whatever comes before or after is told to look anew.
 */
export class OwnerSocket {
  readonly #claimed = deferred<HeldLock>();
  readonly #opened = deferred<Handle>();
  #isClosing = false;
  #server: SocketServer | undefined;

  private constructor(private readonly log: (line: string) => void) {}

  static async listen(directory: StateDirectory, log: (line: string) => void): Promise<OwnerSocket> {
    for (let attempt = 1; ; attempt += 1) {
      const path = await newSocketPath(directory);
      const socket = new OwnerSocket(log);
      try {
        socket.#server = await serveOnSocket(path, (...args) => socket.#serve(...args), log);
        return socket;
      } catch (error) {
        // An owner that closed has just removed the folder for sockets; libuv says EACCES for ENOENT there.
        const code = (error as NodeJS.ErrnoException).code;
        if ((code !== 'ENOENT' && code !== 'EACCES') || attempt === 3) throw error;
      }
    }
  }

  get path(): string {
    return this.#server?.socketPath ?? '';
  }

  /** This process owns the directory by `lock`: others are told so. */
  claim(lock: HeldLock): void {
    this.#claimed.resolve(lock);
  }

  /** The account is open: requests are answered by `handle`. */
  open(handle: Handle): void {
    this.#opened.resolve(handle);
  }

  /** From now on requests are not carried out. */
  refuse(): void {
    this.#isClosing = true;
    this.#claimed.reject(new Error('closing'));
    this.#opened.reject(new Error('closing'));
  }

  /** Resolves when what was begun is answered, or after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    await this.#server?.drain(timeoutMs);
  }

  /** Ends every connection and removes the socket, with its folder when that is empty. Can be called twice. */
  async close(): Promise<void> {
    this.refuse();
    await this.#server?.close();
    // An empty folder that stays is used again; all that mattered is done.
    await removeSocketFolder(this.path).catch((error: Error) => {
      this.log(`local account: the folder for sockets stays: ${error.message}`);
    });
  }

  async #serve(request: Request, accept: () => void): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === HELLO_PATH) {
      const lock = await this.#heldLock();
      return lock ? sayHello(lock.identity) : closing();
    }
    const meantFor = request.headers.get(OWNER_HEADER);
    // How the protocol 1 asks whether an owner lives. It would take over one that did not answer.
    if (meantFor === null) return pathname === '/local/ping' ? ok({ pid: process.pid }) : failed(OLDER);
    const handle = await this.#opened.promise.catch(() => undefined);
    const lock = await this.#heldLock();
    if (handle === undefined || lock?.identity.id !== meantFor) return closing();
    accept();
    return handle(request);
  }

  async #heldLock(): Promise<HeldLock | undefined> {
    const lock = await this.#claimed.promise.catch(() => undefined);
    return (await lock?.isHeld()) && !this.#isClosing ? lock : undefined;
  }
}

const closing = () => new Response(null, { status: 503, headers: { [CLOSING_HEADER]: '1' } });

const OLDER = new SidecarError(
  'state-locked',
  `The process ${process.pid} owns the state directory and is another version of fluorite-flake, which this one cannot share it with (protocol ${SHARING_PROTOCOL} there, 1 here). End it, use the same version, or use another --state-dir.`,
  { data: { pid: process.pid, protocol: SHARING_PROTOCOL } },
);
