import { stat } from 'node:fs/promises';

/** Tells one folder or file from every other one on this machine, under whatever path: a copy has another. */
export interface FileIdentity {
  /** Decimal digits. */
  device: string;
  inode: string;
}

const DIGITS = /^\d{1,20}$/;

/** What is at `path`, links followed; undefined when nothing is. */
export async function identify(path: string): Promise<FileIdentity | undefined> {
  try {
    return identityOf(await stat(path, { bigint: true }));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

export function identityOf({ dev, ino }: { dev: bigint; ino: bigint }): FileIdentity {
  return { device: String(dev), inode: String(ino) };
}

export function isSame(a: FileIdentity | undefined, b: FileIdentity | undefined): boolean {
  return a !== undefined && b !== undefined && a.device === b.device && a.inode === b.inode;
}

/** An identity as it was read from somewhere; undefined when it is none. */
export function parseIdentity(value: unknown): FileIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { device, inode } = value as Record<string, unknown>;
  const isValid = [device, inode].every((number) => typeof number === 'string' && DIGITS.test(number));
  return isValid ? { device: String(device), inode: String(inode) } : undefined;
}
