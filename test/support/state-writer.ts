// Writes the local account's state again and again, each time one bucket more, and prints the number of buckets once it is
// told that they are on disk. Argument: the state directory. Ends at the first write that fails, with its code.
import { writeSync } from 'node:fs';
import { StateFile } from '../../src/accounts/local/state-file.js';
import { SidecarError } from '../../src/protocol/index.js';

const [stateDir = '', upTo = '0'] = process.argv.slice(2);
const file = new StateFile(stateDir);
const state = await file.load();
writeSync(1, `${state.r2.buckets.length}\n`);
try {
  while (state.r2.buckets.length < Number(upTo)) {
    const name = `bucket-${state.r2.buckets.length}`;
    state.r2.buckets.push({ name, createdOn: new Date().toISOString(), storageClass: 'Standard' });
    await file.save(state);
    writeSync(1, `${state.r2.buckets.length}\n`);
  }
} catch (error) {
  writeSync(
    1,
    `failed ${error instanceof SidecarError ? `${error.code} ${error.data.errno}` : String(error)}\n`,
  );
}
