import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openLocalAccount } from '../../src/accounts/local/account.js';
import { serveLocalApi } from '../../src/accounts/local/api-server.js';
import { answer } from '../../src/accounts/local/socket-server.js';
import type { Api } from '../../src/cloudflare/client.js';
import { type Cleanup, temporaryFolder } from '../accounts/local/fixture.js';

/** A request to API v4, flat: a value a field, such as `metadata.bindings.0.name` or `part index.js type`. */
export interface Recorded {
  /** `PUT /workers/scripts/hello`: the path below the account, ids replaced. */
  name: string;
  fields: Record<string, unknown>;
}

export interface Recorder {
  /** For wrangler. */
  readonly socketPath: string;
  /** For a client of ours: the same on loopback. */
  readonly baseUrl: string;
  /** The account behind it, to prepare it without being recorded. */
  readonly api: Api;
  invoke(name: string): Promise<string>;
  /** What came since the last call. */
  take(): Recorded[];
}

/**
 * API v4 that writes down what it is asked. The answers are the local account's, but for workers.dev, which only
 * Cloudflare has.
 */
export async function createRecorder(t: Cleanup): Promise<Recorder> {
  const folder = await temporaryFolder(t);
  const stateDir = join(folder, 's');
  const socketPath = join(folder, 'api.sock');
  // On loopback too: our client takes no other WebSocket than one of `ws:` and `wss:`.
  const token = 'inner';
  const local = await serveLocalApi({ stateDir, listen: { port: 0, token }, log: () => {} });
  const account = openLocalAccount({ stateDir, log: () => {} });
  let recorded: Recorded[] = [];

  const handle = async (request: Request): Promise<Response> => {
    const bytes = await request.arrayBuffer();
    const { method, headers, signal } = request;
    const make = () =>
      new Request(request.url, { method, headers, signal, ...(bytes.byteLength > 0 && { body: bytes }) });
    recorded.push(await record(make(), local.accountId));
    const path = new URL(request.url).pathname;
    if (path.endsWith('/workers/subdomain')) return success({ subdomain: 'test' });
    if (path.endsWith('/subdomain') && method === 'POST')
      return success({ enabled: true, previews_enabled: true });
    return forward(make(), local.baseUrl, token);
  };
  const servers = [socketPath, 0].map((where) => {
    const server = createServer(
      (message, response) => void answer(message, response, handle).catch(() => response.destroy()),
    );
    return typeof where === 'string' ? server.listen(where) : server.listen(where, '127.0.0.1');
  });
  await Promise.all(servers.map((server) => once(server, 'listening')));
  t.after(async () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    await account.close();
    await local.close();
  });
  const { port } = (servers[1] as Server).address() as AddressInfo;
  return {
    socketPath,
    baseUrl: `http://127.0.0.1:${port}/client/v4`,
    api: { client: await account.client(), accountId: account.info.id },
    invoke: async (name) => (await account.invoke(name, new Request('http://worker/'))).text(),
    take() {
      const taken = recorded;
      recorded = [];
      return taken;
    },
  };
}

async function forward(request: Request, baseUrl: string, token: string): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const headers = new Headers({ authorization: `Bearer ${token}` });
  for (const name of ['content-type', 'user-agent']) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const body = request.body ? await request.arrayBuffer() : undefined;
  return fetch(new URL(pathname + search, baseUrl), { method: request.method, headers, body });
}

function success(result: unknown): Response {
  return Response.json({ success: true, errors: [], messages: [], result });
}

async function record(request: Request, accountId: string): Promise<Recorded> {
  const { pathname, searchParams } = new URL(request.url);
  const path = pathname.replace('/client/v4', '').replace(`/accounts/${accountId}`, '');
  const fields: Record<string, unknown> = {};
  for (const [name, value] of searchParams) fields[`query ${name}`] = value;
  const type = request.headers.get('content-type');
  if (type?.startsWith('multipart/form-data'))
    Object.assign(fields, await formFields(await request.formData()));
  else if (request.body) {
    fields['content-type'] = type;
    flatten('body', JSON.parse(await request.text()), fields);
  }
  return { name: `${request.method} ${withoutIds(path)}`, fields };
}

async function formFields(form: FormData): Promise<Record<string, unknown>> {
  const fields: Record<string, unknown> = {};
  for (const [name, part] of form) {
    const isFile = typeof part !== 'string';
    const text = isFile ? await part.text() : part;
    if (name === 'metadata') flatten('metadata', JSON.parse(text), fields);
    else {
      fields[`part ${name} file name`] = isFile ? part.name : undefined;
      fields[`part ${name} type`] = isFile ? part.type : undefined;
      const [, content, comment] = /^([\s\S]*?)(\/\/# sourceMappingURL=.*\n)?$/.exec(text) ?? [];
      fields[`part ${name} content`] = content;
      fields[`part ${name} source map comment`] = comment;
    }
  }
  return fields;
}

/** Bindings are a list to the API and a set to everybody: they go by their names. */
function flatten(path: string, value: unknown, into: Record<string, unknown>): void {
  if (typeof value !== 'object' || value === null) {
    into[path] = typeof value === 'string' ? withoutIds(value) : value;
    return;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) into[path] = value;
  for (const [key, inner] of entries) {
    const name = path.endsWith('bindings') ? (inner as { name?: string }).name : undefined;
    flatten(`${path}.${name ?? key}`, inner, into);
  }
}

function withoutIds(text: string): string {
  return text.replace(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{64}/g, '<id>');
}
