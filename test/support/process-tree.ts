import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isRunning } from './process-state.js';
import { until } from './until.js';

export interface ProcessInfo {
  pid: number;
  parent: number;
  command: string;
}

/** Every process that descends from `root`, zombies left out, by /proc. */
export function descendantsOf(root: number): ProcessInfo[] {
  const all = processes();
  const found: ProcessInfo[] = [];
  const visit = (parent: number) => {
    for (const child of all.filter((one) => one.parent === parent)) {
      found.push(child);
      visit(child.pid);
    }
  };
  visit(root);
  return found;
}

/** The dead children that these processes have not reaped. */
export function zombieChildrenOf(parents: readonly number[]): ProcessInfo[] {
  return processes('Z').filter(({ parent }) => parents.includes(parent));
}

/** Resolves when none of the processes lives any more. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    const command = linesOf(`/proc/${pid}/cmdline`).join(' ').replaceAll('\0', ' ').trim();
    await until(`the end of process ${pid}, ${command}`, () => !isRunning(pid));
  }
}

/** The inet sockets that a process holds, TCP and UDP, that are bound to an address or listen: as /proc tells them. */
export function boundInetSockets(pid: number): string[] {
  const inodes = socketInodes(pid);
  return ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6'].flatMap((kind) =>
    linesOf(`/proc/${pid}/net/${kind}`)
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => inodes.has(fields[9] ?? ''))
      .map((fields) => `${kind} ${fields[1]} -> ${fields[2]} state ${fields[3]}`),
  );
}

function socketInodes(pid: number): Set<string> {
  const inodes = new Set<string>();
  for (const fd of entriesOf(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  return inodes;
}

/** @param only those of this state; without it all but zombies */
function processes(only?: string): ProcessInfo[] {
  return entriesOf('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      // pid (comm) state ppid …; comm may hold spaces and brackets.
      const stat = linesOf(`/proc/${name}/stat`)[0];
      if (stat === undefined || stat === '') return [];
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (only === undefined ? state === 'Z' : state !== only) return [];
      const command = linesOf(`/proc/${name}/cmdline`).join(' ').replaceAll('\0', ' ').trim();
      return [{ pid: Number(name), parent: Number(parent), command }];
    });
}

function entriesOf(folder: string): string[] {
  return unlessGone(() => readdirSync(folder)) ?? [];
}

function linesOf(file: string): string[] {
  return unlessGone(() => readFileSync(file, 'utf8').split('\n')) ?? [];
}

function linkOf(file: string): string {
  return unlessGone(() => readlinkSync(file)) ?? '';
}

/** A process may end between two looks at it. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
