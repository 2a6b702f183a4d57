import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { TraceListener } from '../runtime.js';
import { readAll } from './socket-http.js';

/** A collector's post holds half a MiB and one event; an event is bounded by workerd's own limit on logs. */
const MAX_POST_BYTES = 64 * 1024 * 1024;

/** Receives trace events from the collectors inside workerd, on a unix socket. The events are not parsed here. */
export class TraceServer {
  readonly #listeners = new Set<TraceListener>();
  #server: Server | undefined;

  constructor(private readonly log: (line: string) => void) {}

  get hasListeners(): boolean {
    return this.#listeners.size > 0;
  }

  add(listener: TraceListener): void {
    this.#listeners.add(listener);
  }

  delete(listener: TraceListener): void {
    this.#listeners.delete(listener);
  }

  async listen(socketPath: string): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((request, response) => {
      this.#receive(request, response).catch((error: unknown) => {
        this.log(`Trace events were lost: ${error}`);
        response.destroy();
      });
    });
    // workerd closes idle connections itself; were we first, it might just be using one.
    server.keepAliveTimeout = 0;
    server.listen(socketPath);
    await once(server, 'listening');
    server.on('error', (error) => this.log(`The server for trace events failed: ${error.message}`));
    this.#server = server;
  }

  /** Can be called twice. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#listeners.clear();
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readAll(request, MAX_POST_BYTES);
    const dropped = JSON.parse(String(request.headers['fluorite-flake-dropped'] ?? '{}')) as Record<
      string,
      number
    >;
    const batches = eventsByWorker(body.toString('utf8'));
    for (const worker of Object.keys(dropped)) if (!batches.has(worker)) batches.set(worker, []);
    for (const [worker, events] of batches) {
      for (const listener of this.#listeners) listener(worker, events, dropped[worker] ?? 0);
    }
    response.writeHead(204).end();
  }
}

/** Lines `<worker> TAB <JSON>`: JSON text has no raw tab or line feed. */
export function eventsByWorker(body: string): Map<string, string[]> {
  const batches = new Map<string, string[]>();
  for (const line of body.split('\n')) {
    const tab = line.indexOf('\t');
    if (tab < 0) continue;
    const worker = line.slice(0, tab);
    const events = batches.get(worker);
    if (events === undefined) batches.set(worker, [line.slice(tab + 1)]);
    else events.push(line.slice(tab + 1));
  }
  return batches;
}
