import { randomBytes } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { fileError, SidecarError } from '../../protocol/index.js';

/** A file as a body to send: read as it is sent, and again when it has to be sent again. */
export async function fileBody(cwd: string, path: string): Promise<Blob> {
  const full = resolve(cwd, path);
  try {
    if (!(await stat(full)).isFile()) throw new Error('it is not a file');
    return await openAsBlob(full);
  } catch (error) {
    throw fileError('read the file', full, error);
  }
}

/** Writes a body into a file, which appears under its name only when it is whole. @returns the absolute path. */
export async function writeBody(
  cwd: string,
  path: string,
  response: Response,
  signal: AbortSignal,
): Promise<string> {
  const full = resolve(cwd, path);
  const draft = join(dirname(full), `.${basename(full).slice(0, 100)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(draft, 'wx');
    try {
      await writeAll(file, response, signal);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, full);
    return full;
  } catch (error) {
    await response.body?.cancel().catch(() => {}); // Locked or at its end: nothing is left to cancel.
    await rm(draft, { force: true });
    if (signal.aborted) throw new SidecarError('cancelled', `Cancelled: write ${full}.`, { cause: error });
    throw fileError('write the file', full, error);
  }
}

/** Not a write stream of the handle: that would keep it from being closed when the body fails. */
async function writeAll(file: FileHandle, response: Response, signal: AbortSignal): Promise<void> {
  if (response.body === null) return;
  const body = Readable.fromWeb(response.body as NodeReadableStream, { signal });
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    let written = 0;
    while (written < chunk.byteLength) written += (await file.write(chunk, written)).bytesWritten;
  }
}
