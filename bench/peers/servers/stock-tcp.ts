import { createServer } from 'node:net';
import { serveStock } from './stock.js';

const server = createServer({ noDelay: true }, (socket) => {
  server.close();
  socket.on('error', () => process.exit(0));
  serveStock(socket, socket);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address && typeof address === 'object') process.stdout.write(`${address.port}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
