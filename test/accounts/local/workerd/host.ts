// A host process of its own, to be killed or (third argument "exit") to exit: it runs a Worker with storage and prints the pids.
import { createWorkerdRuntime } from '../../../../src/accounts/local/workerd/index.js';
import { worker } from './runtime-fixture.js';

const [stateDir = '', socketDir = '', then] = process.argv.slice(2);
const runtime = createWorkerdRuntime({ stateDir, socketDir, log: () => {} });
const script =
  'export default { fetch: (r, env) => env.KV.put("k", "v").then(() => scheduler.wait(60000)) };';
const bindings = [{ type: 'kv_namespace' as const, name: 'KV', namespace_id: 'a'.repeat(32) }];
await runtime.deploy([worker('w', script, { bindings })]);
void runtime.invoke('w', new Request('http://w.local/'));
while ((await runtime.kv.list('a'.repeat(32))).keys.length === 0);
process.stdout.write(`${JSON.stringify(runtime.pids)}\n`);
if (then === 'exit') process.exit(0);
