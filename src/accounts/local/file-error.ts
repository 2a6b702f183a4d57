import { SidecarError } from '../../protocol/index.js';

/** A failed file operation as the product's `file-error`: the disk is full, rights are missing, and so on. */
export function fileError(what: string, path: string, cause: unknown): SidecarError {
  if (cause instanceof SidecarError) return cause;
  const errno = (cause as NodeJS.ErrnoException).code;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SidecarError('file-error', `Could not ${what} ${path}: ${why}.`, {
    data: { path, errno },
    cause,
  });
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
