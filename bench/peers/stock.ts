import { once } from 'node:events';
import { connect } from 'node:net';
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';
import type { Peer, PeerSession, TailConsumer, TailHandle, TailLoad } from '../peer.js';
import { endChild, pipes, spawnServer } from './child.js';

export const stockStdio: Peer = {
  name: 'vscode-jsonrpc',
  about: 'stock vscode-jsonrpc 10 on the main thread, over stdio',
  async start() {
    const child = spawnServer('stock-stdio');
    const { stdin, stdout } = pipes(child);
    const connection = createMessageConnection(
      new StreamMessageReader(stdout),
      new StreamMessageWriter(stdin),
    );
    return session(connection, () => endChild(child));
  },
};

export const stockTcp: Peer = {
  name: 'vscode-jsonrpc, TCP',
  about: 'the same over a loopback TCP socket with noDelay',
  async start() {
    const child = spawnServer('stock-tcp');
    const { stdout } = pipes(child);
    const [port] = (await once(stdout, 'data')) as [Buffer];
    const socket = connect({ port: Number(port.toString()), host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const connection = createMessageConnection(
      new StreamMessageReader(socket),
      new StreamMessageWriter(socket),
    );
    return session(connection, () => {
      socket.destroy();
      return endChild(child);
    });
  },
};

function session(connection: MessageConnection, end: () => Promise<void>): PeerSession {
  connection.listen();
  return {
    call: (method, params) => connection.sendRequest(method, params),
    tail: (load, _form, onLines) => tail(connection, load, onLines),
    close() {
      connection.dispose();
      return end();
    },
  };
}

/** One notification a line, parsed on arrival: the only form there is. Nothing can wait for the consumer. */
async function tail(
  connection: MessageConnection,
  load: TailLoad,
  onLines: TailConsumer,
): Promise<TailHandle> {
  const onLine = connection.onNotification(
    'tail/line',
    (event: unknown) => void onLines({ lines: 1, sample: () => event }),
  );
  const ended = new Promise<void>((resolve) => {
    connection.onNotification('tail/end', () => resolve());
  });
  await connection.sendRequest('tail', load);
  return {
    ended,
    dropped: () => 0,
    async stop() {
      await connection.sendRequest('stopTail');
      onLine.dispose();
    },
  };
}
