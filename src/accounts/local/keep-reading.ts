import type { Socket } from 'node:net';

type Done = (error?: Error | null) => void;

const prepared = new WeakSet<Socket>();

/**
 * A server may answer before it has read the body, and then close its side. The write that fails under our last bytes
 * would make Node destroy the socket with the answer unread in it. So a failed write counts as written, and whether
 * there is an answer shows when the socket is read to its end. Can be called twice.
 */
export function keepReading(socket: Socket): void {
  if (prepared.has(socket)) return;
  prepared.add(socket);
  const { _write: write, _writev: writev } = socket;
  socket._write = (chunk, encoding, done: Done) => write.call(socket, chunk, encoding, () => done());
  if (writev) socket._writev = (chunks, done: Done) => writev.call(socket, chunks, () => done());
  // Node's agent takes its listeners off an idle connection: what breaks then was told to the request already.
  socket.on('error', () => {});
}
