// A process that uses a state directory: `use` on its stdin sends one request and prints who answered it.
import { createInterface } from 'node:readline';
import { SharedApi } from '../../../src/accounts/local/shared-api.js';
import { noRuntime } from './fixture.js';

const api = new SharedApi({ stateDir: process.argv[2] ?? '', log: () => {}, createRuntime: noRuntime });
const lines = createInterface({ input: process.stdin });
process.stdout.write('ready\n');
for await (const line of lines) {
  if (line !== 'use') break;
  try {
    const title = `${process.pid}-${performance.now()}`;
    const make = () =>
      new Request('http://local/accounts/x/storage/kv/namespaces', {
        method: 'POST',
        body: JSON.stringify({ title }),
      });
    const response = await api.send(make, false);
    await response.body?.cancel();
    const owner = await api.isOwner();
    process.stdout.write(`${JSON.stringify({ owner, title, status: response.status })}\n`);
  } catch (error) {
    process.stdout.write(
      `${JSON.stringify({ error: (error as { code?: string }).code, text: String(error) })}\n`,
    );
  }
}
await api.close();
