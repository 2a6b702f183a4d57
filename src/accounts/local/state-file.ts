import { createHash } from 'node:crypto';
import { copyFile, link, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SidecarError } from '../../protocol/index.js';
import { removeDrafts, writeWhole } from '../write-whole.js';
import { fileError, isMissing } from './file-error.js';
import { makeFolder } from './make-folder.js';
import { emptyState, type LocalState } from './state.js';

const FORMAT = 1;

/**
 * The account's state on disk: a header line with the checksum, then the state as one line of JSON. Written whole to
 * a temporary file, flushed and renamed over the old one, which stays as the last good copy. Only the owner of the
 * state directory uses it.
 */
export class StateFile {
  readonly path: string;
  readonly lastGoodPath: string;

  constructor(private readonly stateDir: string) {
    this.path = join(stateDir, 'state.jsonl');
    this.lastGoodPath = join(stateDir, 'state.last-good.jsonl');
  }

  /**
   * The state; an empty one when the directory is new.
   * @throws SidecarError `state-corrupt`, which names the last good copy. Nothing is repaired by guessing.
   */
  async load(): Promise<LocalState> {
    await this.#removeDrafts();
    const text = await this.#read(this.path);
    if (text !== undefined) return decode(text) ?? this.#corrupt('does not match its checksum');
    // Without the file but with its copy, somebody removed it: a new, empty account would hide that.
    if ((await this.#read(this.lastGoodPath)) !== undefined) return this.#corrupt('is missing');
    return emptyState();
  }

  /** The state before the one now, when there is a readable one. */
  async loadLastGood(): Promise<LocalState | undefined> {
    const text = await this.#read(this.lastGoodPath);
    return text === undefined ? undefined : decode(text);
  }

  /** Makes `state` the one on disk. When it resolves, it survives a power cut. */
  async save(state: LocalState): Promise<void> {
    try {
      await makeFolder(this.stateDir);
      await this.#keepLastGood();
      await writeWhole(this.path, encode(state));
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
      return await readFile(path, 'utf8');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError('read the state file', path, error);
    }
  }

  async #corrupt(why: string): Promise<never> {
    const copy = (await this.loadLastGood()) === undefined ? undefined : this.lastGoodPath;
    const advice = copy
      ? `The state before its last change is in ${copy}; copy that over it to go on from there.`
      : 'There is no good copy of it; restore it from a backup, or remove the state directory to start anew.';
    throw new SidecarError('state-corrupt', `The state file ${this.path} ${why}. ${advice}`, {
      data: { path: this.path, ...(copy && { lastGoodPath: copy }) },
    });
  }
}

function encode(state: LocalState): string {
  const body = JSON.stringify(state);
  return `${JSON.stringify({ format: FORMAT, sha256: sha256(body) })}\n${body}\n`;
}

function decode(text: string): LocalState | undefined {
  const [head = '', body = '', rest] = text.split('\n');
  try {
    const header = JSON.parse(head) as { format?: number; sha256?: string };
    if (header.format !== undefined && header.format > FORMAT) throw newer(header.format);
    if (rest !== '' || header.format !== FORMAT || header.sha256 !== sha256(body)) return undefined;
    return JSON.parse(body) as LocalState;
  } catch (error) {
    if (error instanceof SidecarError) throw error;
    return undefined; // Not even JSON: as corrupt as a wrong checksum.
  }
}

function newer(format: number): SidecarError {
  return new SidecarError(
    'unsupported',
    `The state directory was written by a newer fluorite-flake (format ${format}; this one knows ${FORMAT}). Update it.`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
