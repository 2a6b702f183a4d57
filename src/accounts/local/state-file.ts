import { copyFile, link, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SidecarError } from '../../protocol/index.js';
import { removeDrafts, writeWhole } from '../write-whole.js';
import type { Ownership } from './fenced-runtime.js';
import { fileError, isMissing } from './file-error.js';
import { makeFolder } from './make-folder.js';
import { readState, writeState } from './state/format.js';
import { StateProblem } from './state/problem.js';
import { emptyState, type LocalState, SLICES } from './state.js';

/**
 * The account's state on disk. Written whole to a temporary file, flushed and renamed over the old one, which stays as
 * the last good copy. Only the owner of the state directory uses it.
 */
export class StateFile {
  readonly path: string;
  readonly lastGoodPath: string;

  /** @param ownership looked at before anything is changed; without it the caller knows that it may */
  constructor(
    private readonly stateDir: string,
    private readonly ownership?: Pick<Ownership, 'assertHeld'>,
  ) {
    this.path = join(stateDir, 'state.jsonl');
    this.lastGoodPath = join(stateDir, 'state.last-good.jsonl');
  }

  /**
   * The state; an empty one when the directory is new. A file of an older version is understood, and written anew with
   * the next change. One that is not understood stays as it is.
   * @throws SidecarError `state-corrupt`, which names the last good copy: nothing is repaired by guessing; `unsupported`
   * for what a newer version wrote.
   */
  async load(): Promise<LocalState> {
    await this.#removeDrafts();
    const text = await this.#read(this.path);
    if (text !== undefined) return this.#understand(text);
    // Without the file but with its copy, somebody removed it: a new, empty account would hide that.
    if ((await this.#read(this.lastGoodPath)) !== undefined) throw await this.#corrupt('is missing');
    return emptyState();
  }

  /**
   * The state before the one now, when there is a readable one.
   * @throws SidecarError `unsupported` for what a newer version wrote: the next change would replace it.
   */
  async loadLastGood(): Promise<LocalState | undefined> {
    const text = await this.#read(this.lastGoodPath);
    if (text === undefined) return undefined;
    try {
      return readState(SLICES, text);
    } catch (error) {
      const problem = problemOf(error);
      if (problem.kind === 'newer') throw newer(this.lastGoodPath, problem);
      return undefined; // A copy that is of no use.
    }
  }

  /**
   * Whether `state` could be read again. What is written was made of what callers sent.
   * @throws SidecarError `invalid-params`
   */
  check(state: LocalState): void {
    textOf(state);
  }

  /** Makes `state` the one on disk. When it resolves, it survives a power cut. @throws as {@link check}, and `file-error`. */
  async save(state: LocalState): Promise<void> {
    const text = textOf(state);
    try {
      // A directory that is owned exists, and one that was removed is not made again.
      await (this.ownership ? this.ownership.assertHeld() : makeFolder(this.stateDir));
      await this.#keepLastGood();
      await writeWhole(this.path, text, () => this.ownership?.assertHeld());
    } catch (error) {
      throw fileError('write the state file', this.path, error);
    }
  }

  async #keepLastGood(): Promise<void> {
    const next = `${this.lastGoodPath}.next`;
    await rm(next, { force: true });
    try {
      // A second name for the same file costs nothing; it stays when the first name is renamed over.
      await link(this.path, next).catch((error: unknown) => {
        if (isMissing(error)) throw error;
        return copyFile(this.path, next);
      });
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    await rename(next, this.lastGoodPath);
    // A rename between two names of one file does nothing: so it is when the save before this one was cut short here.
    await rm(next, { force: true });
  }

  async #removeDrafts(): Promise<void> {
    try {
      await removeDrafts(this.path);
    } catch (error) {
      if (!isMissing(error)) throw fileError('clean up', this.stateDir, error);
    }
  }

  async #read(path: string): Promise<string | undefined> {
    try {
      // A pipe in its place would never end.
      if (!(await stat(path)).isFile()) throw new Error('it is no file');
      return await readFile(path, 'utf8');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError('read the state file', path, error);
    }
  }

  async #understand(text: string): Promise<LocalState> {
    try {
      return readState(SLICES, text);
    } catch (error) {
      const problem = problemOf(error);
      throw problem.kind === 'newer'
        ? newer(this.path, problem)
        : await this.#corrupt(problem.message, problem);
    }
  }

  async #corrupt(why: string, cause?: StateProblem): Promise<SidecarError> {
    const copy = await this.loadLastGood().catch(() => undefined); // One that cannot be read is not to be advised.
    const advice = copy
      ? `The state before its last change is in ${this.lastGoodPath}; copy that over it to go on from there.`
      : 'There is no good copy of it; restore it from a backup, or remove the state directory to start anew.';
    return new SidecarError('state-corrupt', `The state file ${this.path} ${why}. ${advice}`, {
      data: { path: this.path, ...(copy && { lastGoodPath: this.lastGoodPath }) },
      cause,
    });
  }
}

function textOf(state: LocalState): string {
  try {
    return writeState(SLICES, state);
  } catch (error) {
    const problem = problemOf(error);
    throw new SidecarError(
      'invalid-params',
      `This cannot be kept: the state of the account then ${problem.message}. Nothing was changed.`,
      { cause: problem },
    );
  }
}

/** What else is thrown comes of a nesting that is too deep for JSON. */
function problemOf(error: unknown): StateProblem {
  if (error instanceof StateProblem) return error;
  return new StateProblem(
    'damaged',
    `cannot be handled: ${error instanceof Error ? error.message : error}`,
    error,
  );
}

function newer(path: string, problem: StateProblem): SidecarError {
  return new SidecarError(
    'unsupported',
    `A newer fluorite-flake wrote ${path}: it ${problem.message}. Update fluorite-flake, or use another --state-dir. Nothing was changed.`,
    { data: { path }, cause: problem },
  );
}
