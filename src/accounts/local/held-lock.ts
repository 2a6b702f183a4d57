import { rm } from 'node:fs/promises';
import { type ErrorCode, SidecarError } from '../../protocol/index.js';
import { deferred } from './deferred.js';
import { fileError } from './file-error.js';
import { identify, isSame } from './file-identity.js';
import { type ClaimedFile, lockNumbers, lockPath } from './lock-folder.js';
import { type OwnerIdentity, RELEASED } from './owner-record.js';

/**
 * Why this process owns its state directory no longer. `moved`: the directory is not where it was; `taken`: it is, and
 * another process has claimed it, or the lock was removed.
 */
export type Loss = 'moved' | 'taken';

/**
 * The lock that makes this process the owner of a state directory, and the look whether it still is. Its file stays open,
 * so that no other file can get its inode.
 */
export class HeldLock {
  #loss: Loss | undefined;
  #looking: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #released: Promise<void> | undefined;
  readonly #lost = deferred<void>();

  constructor(
    readonly stateDir: string,
    readonly number: number,
    readonly identity: OwnerIdentity,
    private readonly file: ClaimedFile,
  ) {}

  /** Resolves when a look finds that it is lost. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  get loss(): Loss | undefined {
    return this.#loss;
  }

  /**
   * Looks whether this process still owns the directory: with a look that begins after the call, so that those who
   * call at the same time share one.
   * @throws SidecarError `file-error` when it cannot be told
   */
  async isHeld(): Promise<boolean> {
    this.#next ??= this.#looking.then(() => {
      this.#next = undefined;
      const look = this.#look();
      this.#looking = look.catch(() => {}); // Whoever waits for it is told.
      return look;
    });
    await this.#next.catch((error: unknown) => {
      throw fileError('look after', this.stateDir, error);
    });
    return this.#loss === undefined;
  }

  /** Call it before a change. @throws SidecarError `state-moved` when this process must make none */
  async assertHeld(): Promise<void> {
    if (!(await this.isHeld())) throw this.lossError('state-moved', 'Nothing was changed.');
  }

  /** Call it after a change. @throws SidecarError `indeterminate` when it may have gone where nobody finds it */
  async confirmHeld(): Promise<void> {
    const isHeld = await this.isHeld().catch((cause: Error) => {
      throw new SidecarError('indeterminate', `${cause.message} ${MAY_BE_DONE}`, { cause });
    });
    if (!isHeld) throw this.lossError('indeterminate', MAY_BE_DONE);
  }

  lossError(code: ErrorCode, what: string): SidecarError {
    const { stateDir } = this;
    return new SidecarError(code, `${WHY[this.#loss ?? 'taken'](stateDir)} ${what}`, { data: { stateDir } });
  }

  /**
   * Says in the lock, wherever it is now, that nobody owns the directory by it. Can be called twice.
   * @throws SidecarError `file-error`
   */
  release(): Promise<void> {
    this.#released ??= this.#release().catch((error: unknown) => {
      throw fileError('give up', this.stateDir, error);
    });
    return this.#released;
  }

  async #release(): Promise<void> {
    this.#loss ??= 'taken';
    const { handle, identity } = this.file;
    const path = lockPath(this.stateDir, this.number);
    try {
      // Over bytes that are there: a full disk takes it too.
      await handle.write(RELEASED, 0);
    } catch (error) {
      // While this process lives, nobody else would take a lock over that still holds.
      if (!isSame(await identify(path), identity)) throw error;
      await rm(path, { force: true });
    } finally {
      await handle.close();
    }
  }

  async #look(): Promise<void> {
    if (this.#loss !== undefined) return;
    const [directory, file, numbers] = await Promise.all([
      identify(this.stateDir),
      identify(lockPath(this.stateDir, this.number)),
      lockNumbers(this.stateDir),
    ]);
    if (!isSame(directory, this.identity.directory)) this.#lose('moved');
    else if (!isSame(file, this.file.identity) || numbers[0] !== this.number) this.#lose('taken');
  }

  #lose(loss: Loss): void {
    if (this.#loss !== undefined) return;
    this.#loss = loss;
    this.#lost.resolve();
  }
}

export const MAY_BE_DONE = 'The change may or may not have been made. Look, then try again.';

const WHY: Readonly<Record<Loss, (stateDir: string) => string>> = {
  moved: movedText,
  taken: (stateDir) => `This process owns the state directory ${stateDir} no longer.`,
};

export function movedText(stateDir: string): string {
  return `The state directory ${stateDir} was moved, deleted or replaced while it was in use.`;
}
