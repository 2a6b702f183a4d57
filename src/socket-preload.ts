// Loaded into a program of somebody else's, such as wrangler, by `NODE_OPTIONS=--import`: lets its requests to
// http://fluorite-flake.invalid go over the unix socket FLUORITE_FLAKE_API_SOCKET, on which
// `fluorite-flake local api` serves. Everything else connects as before. It works below fetch, undici and http alike,
// whichever copy of them the program has: all of them call `net.connect`.
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

const HOST = 'fluorite-flake.invalid';
const socketPath = process.env.FLUORITE_FLAKE_API_SOCKET;

if (socketPath) {
  const connect = net.connect;
  const connectOrSocket = (...args: Parameters<typeof connect>) => {
    const [options] = args as [unknown];
    return isOurs(options) ? connect({ path: socketPath }) : connect(...args);
  };
  net.connect = connectOrSocket as typeof connect;
  net.createConnection = connectOrSocket as typeof connect;
  syncBuiltinESMExports();
}

function isOurs(options: unknown): boolean {
  const { host, hostname } = (typeof options === 'object' && options !== null ? options : {}) as Record<
    string,
    unknown
  >;
  return (host ?? hostname) === HOST;
}
