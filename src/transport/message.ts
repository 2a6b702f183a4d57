import type { NotificationMessage, RequestMessage, ResponseMessage } from 'vscode-jsonrpc';
import { FrameError } from './frame-error.js';

/** A JSON-RPC 2.0 message, classified by {@link classify}. */
export type Incoming =
  | { kind: 'request'; message: RequestMessage & { id: number | string } }
  | { kind: 'notification'; message: NotificationMessage }
  | { kind: 'response'; message: ResponseMessage & { id: number | string | null } };

/**
 * Which kind of message a parsed body is.
 * @throws FrameError `message-invalid` when it is none: a wrong version, an id that is neither number nor
 * string, params that are neither object nor array, both or neither of result and error
 */
export function classify(body: unknown): Incoming {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid('it is not an object');
  const { jsonrpc, id, method, params } = body as Record<string, unknown>;
  if (jsonrpc !== '2.0') throw invalid('its "jsonrpc" is not "2.0"');
  if (method === undefined)
    return { kind: 'response', message: checkResponse(body as Record<string, unknown>) };
  if (typeof method !== 'string' || method === '') throw invalid('its "method" is not a name');
  if (params !== undefined && (typeof params !== 'object' || params === null)) {
    throw invalid('its "params" are neither an object nor an array');
  }
  if (id === undefined) return { kind: 'notification', message: body as NotificationMessage };
  if (!isId(id)) throw invalid('its "id" is neither a whole number nor a string');
  return { kind: 'request', message: body as RequestMessage & { id: number | string } };
}

function checkResponse(body: Record<string, unknown>) {
  const { id, error } = body;
  if (id !== null && !isId(id))
    throw invalid('it has no "method", and its "id" is neither a number nor a string');
  if ('result' in body === 'error' in body) throw invalid('it has not exactly one of "result" and "error"');
  if (error !== undefined && !isErrorObject(error))
    throw invalid('its "error" has no number "code" and text "message"');
  return body as unknown as ResponseMessage & { id: number | string | null };
}

/** Whether a value can be the id of a request: a whole number or a string, as vscode-jsonrpc and LSP have it. */
export function isId(id: unknown): id is number | string {
  return typeof id === 'string' || Number.isSafeInteger(id);
}

export type Id = number | string | null;

/** The id that an answer names: that of a request, a fraction too; null for what is none, or is not known to the digit. */
export function answerableId(id: unknown): Id {
  return isId(id) || (Number.isFinite(id) && !Number.isInteger(id)) ? (id as Id) : null;
}

function isErrorObject(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, message } = error as Record<string, unknown>;
  return Number.isInteger(code) && typeof message === 'string';
}

function invalid(why: string): FrameError {
  return new FrameError('message-invalid', `A body is not a JSON-RPC 2.0 message: ${why}.`);
}
