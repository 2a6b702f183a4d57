import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises';
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

  /** Stores a content. @returns its SHA-256. */
  async write(content: Uint8Array): Promise<string> {
    const sha256 = createHash('sha256').update(content).digest('hex');
    const path = join(this.#folder, sha256);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const there = await access(path).then(
        () => true,
        () => false,
      );
      if (!there) await writeWhole(path, content);
    } catch (error) {
      throw fileError('write the module file', path, error);
    }
    return sha256;
  }

  /** @throws SidecarError `state-corrupt` when the file is gone or is not what was stored. */
  async read(module: ModuleRecord): Promise<Uint8Array> {
    const path = join(this.#folder, module.sha256);
    let content: Buffer;
    try {
      content = await readFile(path);
    } catch (error) {
      if (isMissing(error)) throw damaged(path, module, 'is missing');
      throw fileError('read the module file', path, error);
    }
    if (createHash('sha256').update(content).digest('hex') !== module.sha256) {
      throw damaged(path, module, 'does not match its checksum');
    }
    return content;
  }

  /** Removes every content that none of `states` mentions. */
  async sweep(states: readonly (LocalState | undefined)[]): Promise<void> {
    const used = new Set<string>();
    for (const worker of states.flatMap((state) => state?.workers ?? [])) {
      for (const version of worker.versions) for (const module of version.modules) used.add(module.sha256);
    }
    const names = await readdir(this.#folder).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw fileError('list', this.#folder, error);
    });
    const unused = names.filter((name) => !used.has(name));
    await Promise.all(unused.map((name) => rm(join(this.#folder, name), { force: true })));
  }
}

function damaged(path: string, module: ModuleRecord, why: string): SidecarError {
  return new SidecarError(
    'state-corrupt',
    `The file ${path} of the module ${module.name} ${why}. Deploy the Worker again.`,
    { data: { path } },
  );
}
