import { SidecarError } from '../protocol/index.js';

/** A failed file operation as a `file-error`: `verb` completes "Could not …". */
export function fileError(verb: string, path: string, cause: unknown): SidecarError {
  const { code } = cause as NodeJS.ErrnoException;
  const reason = code ?? (cause instanceof Error ? cause.message : String(cause));
  return new SidecarError('file-error', `Could not ${verb} ${path}: ${reason}.`, {
    data: { path, errno: code },
    cause,
  });
}
