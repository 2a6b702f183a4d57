import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { LocalRuntime, RuntimeWorker } from '../../../../src/accounts/local/runtime.js';
import {
  createWorkerdRuntime,
  type WorkerdRuntimeOptions,
} from '../../../../src/accounts/local/workerd/index.js';

export { until } from '../../../support/until.js';

export interface Fixture {
  runtime: LocalRuntime;
  folder: string;
  stateDir: string;
  socketDir: string;
  logged: string[];
  /** Another runtime on the same folders; the one before must be closed. */
  open(options?: Partial<WorkerdRuntimeOptions>): LocalRuntime;
}

/** A runtime in a temporary folder, closed and removed when the test ends. */
export async function fixture(
  context: TestContext,
  options: Partial<WorkerdRuntimeOptions> = {},
): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'ff-test-'));
  const stateDir = join(folder, 'state');
  const socketDir = join(folder, 's');
  const logged: string[] = [];
  const opened: LocalRuntime[] = [];
  const open = (more: Partial<WorkerdRuntimeOptions> = {}) => {
    const runtime = createWorkerdRuntime({
      stateDir,
      socketDir,
      log: (line) => logged.push(line),
      ...options,
      ...more,
    });
    opened.push(runtime);
    return runtime;
  };
  context.after(async () => {
    for (const runtime of opened) await runtime.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { runtime: open(), folder, stateDir, socketDir, logged, open };
}

/** A Worker of one module. */
export function worker(name: string, script: string, rest: Partial<RuntimeWorker> = {}): RuntimeWorker {
  return {
    name,
    mainModule: 'index.js',
    modules: [{ name: 'index.js', type: 'esm', content: bytes(script) }],
    bindings: [],
    compatibilityDate: '2026-01-01',
    compatibilityFlags: [],
    ...rest,
  };
}

export const bytes = (content: string) => new TextEncoder().encode(content);

export async function invokeText(
  runtime: LocalRuntime,
  name: string,
  path = '/',
  init?: RequestInit,
): Promise<string> {
  const response = await runtime.invoke(name, new Request(`http://${name}.local${path}`, init));
  return await response.text();
}

export async function textOf(body: ReadableStream<Uint8Array> | undefined): Promise<string> {
  return await new Response(body).text();
}

/** Whether a process runs. A zombie does not: it only waits for its new parent, which may take its time. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (process.platform !== 'linux') return true;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z';
  } catch {
    return false;
  }
}
