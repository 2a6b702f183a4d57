// A host with the whole tree running; `stop` on stdin stops the sidecar, and the host lives on.
import { TauriSidecar } from '../../dist/bridge/index.js';

const [stateDir, cwd] = process.argv.slice(2);
const sidecar = new TauriSidecar({ account: 'local', stateDir, cwd });
await sidecar.start();
const workers = await sidecar.call('dashboard.listWorkers');
if (workers.length === 0) await sidecar.call('dashboard.deployWorker', {});
await sidecar.call('dashboard.invokeWorker', { name: 'my-worker', url: '/count' });
console.log('ready');
process.stdin.once('data', async () => {
  await sidecar.stop();
  console.log('stopped');
});
