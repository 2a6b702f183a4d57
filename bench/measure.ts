import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/**
 * CPU time this process's main thread has run, in microseconds. From the kernel's scheduler, in nanoseconds,
 * where it says so; else the time its event loop was not idle, which counts waiting for a core as work.
 */
export function mainThreadCpuMicros(): number {
  const text = readText(`/proc/self/task/${process.pid}/schedstat`);
  const nanos = Number(text?.split(' ')[0]);
  if (nanos > 0) return nanos / 1000;
  return performance.eventLoopUtilization().active * 1000;
}

/** CPU time of this process and everything below it that still runs, in microseconds; NaN off Linux. */
export function treeCpuMicros(): number {
  let total = 0;
  for (const pid of processTree(process.pid)) {
    for (const tid of listDirectory(`/proc/${pid}/task`)) {
      total += Number(readText(`/proc/${pid}/task/${tid}/schedstat`)?.split(' ')[0] ?? 0) / 1000;
    }
  }
  return total > 0 ? total : Number.NaN;
}

/** Resident memory of `pid` in bytes; NaN off Linux or when it is gone. */
export function rssBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1];
  return kib === undefined ? Number.NaN : Number(kib) * 1024;
}

/** Resident memory of this process and everything below it, in bytes. */
export function treeRssBytes(): number {
  return processTree(process.pid).reduce((sum, pid) => sum + (rssBytes(pid) || 0), 0);
}

/** `root` and every process below it. */
export function processTree(root: number): number[] {
  const found = [root];
  for (let index = 0; index < found.length; index++) {
    const pid = found[index];
    // A child is listed under the thread that spawned it, which is not the main one for the product.
    for (const tid of listDirectory(`/proc/${pid}/task`)) {
      const children = readText(`/proc/${pid}/task/${tid}/children`);
      if (children) found.push(...children.trim().split(' ').filter(Boolean).map(Number));
    }
  }
  return found;
}

/** A file of /proc that may vanish between the listing and the reading, with its process. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
