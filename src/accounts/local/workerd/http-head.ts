import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';

/** Headers that belong to one connection, and the ones we use ourselves between Node and workerd. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'host',
]);

/** Tells workerd the scheme of the URL that was asked for; it removes the header. */
export const PROTOCOL_HEADER = 'fluorite-flake-protocol';
/** Carries `request.cf` as JSON; workerd removes the header. */
export const CF_HEADER = 'fluorite-flake-cf';

/** The headers of a request to a Worker, so that it sees the URL that was asked for and not the socket. */
export function requestHeaders(request: Request, url: URL): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { host: url.host };
  for (const [name, value] of request.headers) {
    if (!NOT_FORWARDED.has(name)) headers[name] = value;
  }
  headers[PROTOCOL_HEADER] = url.protocol.slice(0, -1);
  headers[CF_HEADER] = '{}';
  return headers;
}

/** The headers of an answer, each `set-cookie` on its own. */
export function responseHeaders(message: IncomingMessage): Headers {
  const headers = new Headers();
  const raw = message.rawHeaders;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] as string).toLowerCase();
    if (name !== 'host' && NOT_FORWARDED.has(name)) continue;
    headers.append(name, raw[index + 1] as string);
  }
  return headers;
}
