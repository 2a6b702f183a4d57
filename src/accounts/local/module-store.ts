import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SidecarError } from '../../protocol/index.js';
import { writeWhole } from '../write-whole.js';
import { fileError, isMissing } from './file-error.js';
import type { LocalState, ModuleRecord } from './state.js';

/** The contents of Workers' modules, each a file named by its SHA-256, so that versions share what they have in common. */
export class ModuleStore {
  readonly #folder: string;

  constructor(stateDir: string) {
    this.#folder = join(stateDir, 'modules');
  }

  /** Stores a content; one that lies there and is damaged is replaced. @returns its SHA-256. */
  async write(content: Uint8Array): Promise<string> {
    const sha256 = sha256Of(content);
    const path = this.#pathOf(sha256);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      if (!(await holds(path, content))) await writeWhole(path, content);
    } catch (error) {
      throw fileError('write the module file', path, error);
    }
    return sha256;
  }

  /** @throws SidecarError `state-corrupt` when the file is gone or is not what was stored. */
  async read(workerName: string, module: ModuleRecord): Promise<Uint8Array> {
    const path = this.#pathOf(module.sha256);
    let content: Buffer | undefined;
    try {
      content = await readRegular(path);
    } catch (error) {
      if (isMissing(error)) throw damaged(path, workerName, module, 'is missing');
      throw fileError('read the module file', path, error);
    }
    if (content === undefined || sha256Of(content) !== module.sha256) {
      throw damaged(path, workerName, module, 'does not match its checksum');
    }
    return content;
  }

  /** Removes every content that none of `states` mentions. What has not the name of a content is not ours and stays. */
  async sweep(states: readonly (LocalState | undefined)[]): Promise<void> {
    const used = new Set<string>();
    for (const worker of states.flatMap((state) => state?.workers.scripts ?? [])) {
      for (const version of worker.versions) for (const module of version.modules) used.add(module.sha256);
    }
    const names = await readdir(this.#folder).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw fileError('list', this.#folder, error);
    });
    const unused = names.filter((name) => OWN_NAME.test(name) && !used.has(name));
    await Promise.all(unused.map((name) => rm(join(this.#folder, name), { force: true })));
  }

  /** A hash that is none would lead out of the folder. */
  #pathOf(sha256: string): string {
    if (SHA256.test(sha256)) return join(this.#folder, sha256);
    throw new SidecarError('state-corrupt', `${JSON.stringify(sha256)} is no SHA-256 of a module.`);
  }
}

const SHA256 = /^[0-9a-f]{64}$/;
/** A content, or the draft of one whose writer was killed. */
const OWN_NAME = /^[0-9a-f]{64}(\.[0-9a-f]{16}\.tmp)?$/;

function sha256Of(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** @returns undefined for what is no file: a pipe in its place would never end. */
async function readRegular(path: string): Promise<Buffer | undefined> {
  return (await stat(path)).isFile() ? readFile(path) : undefined;
}

async function holds(path: string, content: Uint8Array): Promise<boolean> {
  try {
    return (await readRegular(path))?.equals(content) ?? false;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function damaged(path: string, workerName: string, module: ModuleRecord, why: string): SidecarError {
  return new SidecarError(
    'state-corrupt',
    `The file ${path} of the module ${module.name} of the Worker ${workerName} ${why}. Deploy that Worker again, or delete it.`,
    { data: { path, workerName } },
  );
}
