import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A folder of the calling test file's own, removed after its last test. Short: sockets may live in it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'f-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
