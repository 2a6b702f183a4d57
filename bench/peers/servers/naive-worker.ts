import { spawn } from 'node:child_process';
import { parentPort, workerData } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node';

/** The obvious way to build it: the stock parts in a worker thread, one comlink call a request or log line. */
const child = spawn(process.execPath, [workerData.server], { stdio: ['pipe', 'pipe', 'inherit'] });
const connection = createMessageConnection(
  new StreamMessageReader(child.stdout),
  new StreamMessageWriter(child.stdin),
);
connection.listen();

const api = {
  pid: () => child.pid ?? 0,
  call: (method: string, params: unknown) => connection.sendRequest(method, params),
  /** Hears of every line, and of the end as null. */
  onLine(callback: (line: unknown) => void) {
    connection.onNotification('tail/line', (line) => callback(line));
    connection.onNotification('tail/end', () => callback(null));
  },
  close: () =>
    new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.stdin.end();
    }),
};
export type NaiveApi = typeof api;

if (!parentPort) throw new Error('This script runs in a worker thread.');
expose(api, nodeEndpoint(parentPort));
