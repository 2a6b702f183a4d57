import { NodeIo, RPCChannel } from 'kkrpc';
import { ping } from '../echo.js';

const api = { system: { ping: async (params: unknown) => ping(params) } };
new RPCChannel<typeof api, object>(new NodeIo(process.stdin, process.stdout), {
  expose: api,
  serialization: { version: 'json' },
});
process.stdin.on('end', () => process.exit(0));
