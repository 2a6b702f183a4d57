import { Agent } from 'node:http';
import { SidecarError } from '../../protocol/index.js';
import { throwCarried } from './envelope.js';
import { type FileIdentity, identify, isSame } from './file-identity.js';
import { HeldLock, movedText } from './held-lock.js';
import { askHello } from './hello.js';
import { Owner, type OwnerOptions } from './owner.js';
import { OwnerLink } from './owner-link.js';
import { OwnerSocket } from './owner-socket.js';
import { acquireOwnership } from './ownership.js';

/** This process answers itself, or the owner of the state directory does. */
type Role = Owner | OwnerLink;

const OWNER_TIMEOUT_MS = 5_000;
/** How often a request is repeated that an owner may have carried out before it ended. */
const MAX_REPEATS = 3;
/** More changes of hands during one request mean that something undoes them. */
const MAX_ROUNDS = 100;

export interface SharedApiOptions extends OwnerOptions {
  /** How long another owner may leave a greeting without an answer, in milliseconds; default 5,000. */
  ownerTimeoutMs?: number;
  /** How long an owner that is going is waited for, in milliseconds; default 15,000. */
  closingTimeoutMs?: number;
}

/**
 * The API of a state directory, whoever owns it. Ownership is taken at the first request and kept until `close()`;
 * while another process has it, requests go to that one, and when that one goes away, the next request takes it over.
 */
export class SharedApi {
  readonly #options: SharedApiOptions;
  readonly #ownerTimeoutMs: number;
  /** One for all owners: answers of one that closes come while the next is looked for. */
  readonly #agent = new Agent({ keepAlive: true });
  #role: Promise<Role> | undefined;
  /** What `#role` has come to, or came to before. */
  #known: Role | undefined;
  #socket: OwnerSocket | undefined;
  /** The folder that was used so far: another one at its path is not gone over to unsaid. */
  #directory: FileIdentity | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: SharedApiOptions) {
    this.#options = options;
    this.#ownerTimeoutMs = options.ownerTimeoutMs ?? OWNER_TIMEOUT_MS;
  }

  /** Whether this process owns the state directory now; undefined before the first request. */
  async isOwner(): Promise<boolean | undefined> {
    return this.#role && (await this.#role) instanceof Owner;
  }

  /**
   * Answers a request.
   * @param make makes the request; called again when it has to be repeated for a new owner.
   * @param repeatable whether doing it twice has the effect of doing it once.
   * @throws SidecarError `state-locked`, `state-moved`, `state-corrupt`, `indeterminate`, or what the request itself
   * failed with.
   */
  async send(make: () => Request, repeatable: boolean): Promise<Response> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const role = await this.#current();
      const request = make();
      const response =
        role instanceof Owner
          ? await role.answer(request)
          : await role.ask(request, repeatable && round < MAX_REPEATS);
      if (response) return throwCarried(response);
      this.#forget(role);
    }
    throw restless(this.#options.stateDir);
  }

  /** Gives ownership back and ends what it ran. Can be called twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#role?.catch(() => undefined); // Its own caller was told.
    if (this.#known instanceof Owner) await this.#known.close();
    this.#agent.destroy();
    await this.#unlisten();
  }

  readonly #logUnended = (error: Error): void =>
    this.#options.log(`local account: not all that it ran has ended: ${error.message}`);

  #current(): Promise<Role> {
    if (this.#closed) return Promise.reject(new SidecarError('not-running', 'The local account is closed.'));
    this.#role ??= this.#acquire().catch((error: unknown) => {
      this.#role = undefined;
      throw error;
    });
    return this.#role;
  }

  #forget(role: Role): void {
    if (this.#known === role) this.#role = undefined;
  }

  async #acquire(): Promise<Role> {
    // What this process ran as the owner is ended first.
    if (this.#known instanceof Owner) await this.#known.close().catch(this.#logUnended);
    this.#known = undefined;
    await this.#assertSameDirectory();
    try {
      this.#known = await this.#takePart();
      return this.#known;
    } catch (error) {
      await this.#unlisten();
      throw error;
    }
  }

  async #takePart(): Promise<Role> {
    const { stateDir, log, closingTimeoutMs } = this.#options;
    const found = await acquireOwnership({
      stateDir,
      closingTimeoutMs,
      hello: (socketPath, record) => askHello(socketPath, record, this.#ownerTimeoutMs),
      listen: async (directory) => {
        this.#socket ??= await OwnerSocket.listen(directory, log);
        return this.#socket.path;
      },
      unlisten: () => this.#unlisten(),
    });
    if (!(found instanceof HeldLock)) {
      this.#directory = found.record.identity?.directory;
      return new OwnerLink(stateDir, found, this.#agent, this.#ownerTimeoutMs);
    }
    const socket = this.#socket as OwnerSocket; // It listened before the directory was claimed.
    socket.claim(found);
    try {
      const owner = await Owner.open(this.#options, found, socket);
      this.#socket = undefined;
      this.#directory = found.identity.directory;
      return owner;
    } catch (error) {
      await found.release();
      throw error;
    }
  }

  async #unlisten(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  /** @throws SidecarError `state-moved`, once: whoever goes on knows it then. */
  async #assertSameDirectory(): Promise<void> {
    const { stateDir } = this.#options;
    if (this.#directory === undefined || isSame(await identify(stateDir), this.#directory)) return;
    this.#directory = undefined;
    throw new SidecarError(
      'state-moved',
      `${movedText(stateDir)} This call did nothing; the next one uses what is at that path then.`,
      { data: { stateDir } },
    );
  }
}

function restless(stateDir: string): SidecarError {
  return new SidecarError(
    'state-locked',
    `The state directory ${stateDir} changed hands ${MAX_ROUNDS} times during one call, which was not carried out. End the other processes that use it.`,
    { data: { stateDir } },
  );
}
