import type { Readable, Writable } from 'node:stream';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node';
import { largeText } from '../../payload.js';
import type { TailLoad } from '../../peer.js';
import { emitLines, eventTexts } from '../../tail-source.js';
import { ping } from '../echo.js';

/** A server as vscode-jsonrpc's own documentation builds it, with a notification a log line. */
export function serveStock(input: Readable, output: Writable): void {
  const connection = createMessageConnection(new StreamMessageReader(input), new StreamMessageWriter(output));
  let stop = () => {};
  connection.onRequest('system.ping', ping);
  connection.onRequest('dashboard.invokeWorker', async ({ name }: { name: string }) => {
    // Read from a Response, as any server has to that asks a Worker.
    const response = new Response(largeText(Number(name.split('-')[1])));
    return { status: response.status, headers: {}, body: await response.text() };
  });
  connection.onRequest('tail', (load: TailLoad) => {
    // A flood waits for each write, or it would be queued whole; a log source of a given rate waits for nobody.
    stop = emitLines(
      load,
      eventTexts(load.lineBytes).map((text) => JSON.parse(text) as unknown),
      (event) => connection.sendNotification('tail/line', event),
      () => void connection.sendNotification('tail/end'),
    );
    return {};
  });
  connection.onRequest('stopTail', () => {
    stop();
    return {};
  });
  connection.onClose(() => process.exit(0));
  connection.listen();
}
