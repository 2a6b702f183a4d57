import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Account, TailSink } from '../../../src/accounts/account.js';
import { openLocalAccount } from '../../../src/accounts/local/account.js';
import type { LocalRuntime } from '../../../src/accounts/local/runtime.js';
import type { Api } from '../../../src/cloudflare/client.js';
import { until as wait } from '../../support/until.js';

/** A test, or the module `node:test` for what a whole file shares. */
export interface Cleanup {
  after(clean: () => Promise<void>): void;
}

/** A temporary folder that goes away with the test. */
export async function temporaryFolder(t: Cleanup): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'ff-test-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A local account that is closed with the test. Register it before the folder's removal matters. */
export async function localAccount(
  t: Cleanup,
  options: { stateDir?: string; createRuntime?: () => Promise<LocalRuntime> } = {},
): Promise<{ account: Account; api: Api; stateDir: string; log: string[] }> {
  const stateDir = options.stateDir ?? join(await mkdtemp(join(tmpdir(), 'ff-test-')), 'state');
  const log: string[] = [];
  const account = openLocalAccount({
    stateDir,
    log: (line) => log.push(line),
    createRuntime: options.createRuntime,
  });
  t.after(async () => {
    await account.close();
    if (options.stateDir === undefined) await rm(join(stateDir, '..'), { recursive: true, force: true });
  });
  return { account, api: { client: await account.client(), accountId: account.info.id }, stateDir, log };
}

/** A runtime that must not be used. */
export async function noRuntime(): Promise<LocalRuntime> {
  throw new Error('the runtime was started');
}

export interface Collected extends TailSink {
  readonly events: { outcome: string; scriptName: string; logs: { message: unknown }[] }[];
  readonly ended: Parameters<TailSink['end']>[];
  lost: number;
  gaps: number;
}

/** A sink that keeps everything. */
export function collect(): Collected {
  return {
    events: [],
    ended: [],
    lost: 0,
    gaps: 0,
    gap(eventJson) {
      this.gaps += 1;
      if (eventJson !== undefined) this.events.push(JSON.parse(eventJson));
    },
    push(eventJson) {
      this.events.push(JSON.parse(eventJson));
    },
    dropped(count) {
      this.lost += count;
    },
    end(...end) {
      this.ended.push(end);
    },
  };
}

/** Waits until `test` holds. */
export function until(test: () => boolean | Promise<boolean>, what: string): Promise<void> {
  return wait(what, test);
}

/** A signal that is never aborted. */
export function never(): AbortSignal {
  return new AbortController().signal;
}
