// What the operating system says about our processes. Linux only: it is read from /proc.
import { readdir, readFile, readlink } from 'node:fs/promises';

export const canInspect = process.platform === 'linux';

/** This process and everything below it: `{pid, name}` each. */
export async function processTree() {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = (await Promise.all(pids.map(readProcess))).filter(Boolean);
  const tree = all.filter(({ pid }) => pid === process.pid);
  // Grows while it is walked: the children of a child follow it.
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

/** Which of `processes` still exist, zombies included. */
export async function stillThere(processes) {
  const found = await Promise.all(processes.map(({ pid }) => readProcess(pid)));
  return found.filter(Boolean);
}

/** The TCP and UDP sockets, of either address family and in any state, that `processes` hold. */
export async function inetSockets(processes) {
  const found = [];
  for (const { pid, name } of processes) {
    const held = new Set(await socketInodes(pid));
    for (const table of ['tcp', 'tcp6', 'udp', 'udp6']) {
      const [, ...rows] = (await readOrNothing(`/proc/${pid}/net/${table}`)).trim().split('\n');
      for (const row of rows) {
        const columns = row.trim().split(/\s+/);
        if (held.has(columns[9])) found.push({ pid, name, table, localAddress: columns[1] });
      }
    }
  }
  return found;
}

async function readProcess(pid) {
  const stat = await readOrNothing(`/proc/${pid}/stat`);
  // "pid (name) state parent ...": the name may hold spaces and parentheses.
  const match = /^(\d+) \((.*)\) \w (\d+) /s.exec(stat);
  return match && { pid: Number(match[1]), name: match[2], parent: Number(match[3]) };
}

async function socketInodes(pid) {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(nothingIfGone([]));
  const links = await Promise.all(
    names.map((name) => readlink(`${folder}/${name}`).catch(nothingIfGone(''))),
  );
  return links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]).filter(Boolean);
}

function readOrNothing(path) {
  return readFile(path, 'utf8').catch(nothingIfGone(''));
}

/** A process may end while it is looked at. */
function nothingIfGone(nothing) {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return nothing;
    throw error;
  };
}
