import type { ErrorCode } from './error-table.js';

/** What the system's numbers mean to whoever reads the message, with what helps where something does. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EAGAIN: 'the system has no process or other resource left',
  EDQUOT: 'the disk quota is used up',
  EIO: 'the disk or device has failed',
  EISDIR: 'it is a folder',
  ELOOP: 'its path has too many symbolic links',
  EMFILE: 'this process has too many files open; raise `ulimit -n`',
  ENAMETOOLONG: 'its name is too long',
  ENFILE: 'the system has too many files open',
  ENOENT: 'no such file or folder',
  ENOMEM: 'the system has no memory left',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is no folder',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
};

/** What is in short supply for now, and not wrong. */
const SHORTAGES: ReadonlySet<string> = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM']);

const CONNECTION = /^(ECONN|EPIPE$|ETIMEDOUT$|EHOST|ENET|EAI_|ENOTFOUND$)/;

/** What the system refused, told from the errors of Node's own by the form of the code. */
export interface SystemFailure {
  readonly code: Extract<ErrorCode, 'file-error' | 'network-error'>;
  readonly errno: string;
  readonly path: string | undefined;
  /** What was wrong, in words and with the number's name. */
  readonly reason: string;
}

/** The failure of the system that `error` is, if it is one. */
export function systemFailure(error: unknown): SystemFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code: errno, path, message } = error as Error & { code?: unknown; path?: unknown };
  if (typeof errno !== 'string' || !/^E[A-Z0-9_]+$/.test(errno) || errno.startsWith('ERR_')) return undefined;
  const words = WORDS[errno];
  return {
    code: CONNECTION.test(errno) ? 'network-error' : 'file-error',
    errno,
    path: typeof path === 'string' ? path : undefined,
    reason: words === undefined ? message : `${words} (${errno})`,
  };
}

/** Whether the system has no descriptor, process or memory for it just now. */
export function isShortage(error: unknown): boolean {
  return SHORTAGES.has(systemFailure(error)?.errno ?? '');
}
