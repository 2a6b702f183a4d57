// A host that runs the whole tree and then ends in the way it is told to.
import { TauriSidecar } from '../../dist/bridge/index.js';

const [stateDir, cwd, ending] = process.argv.slice(2);
const sidecar = new TauriSidecar({ account: 'local', stateDir, cwd });
await sidecar.start();
await sidecar.call('dashboard.deployWorker', {});
const { body } = await sidecar.call('dashboard.invokeWorker', { name: 'my-worker', url: '/count' });
console.log(`ready ${body}`);
process.stdin.once('data', async () => {
  if (ending === 'exit') process.exit(3);
  if (ending === 'throw') throw new Error('as asked for');
  if (ending === 'stop') {
    await sidecar.stop();
    process.exit(0);
  }
});
