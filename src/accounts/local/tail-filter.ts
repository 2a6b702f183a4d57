import { OUTCOMES_OF_STATUS } from '../../cloudflare/tail.js';
import { isTextDeeperThan, MAX_DEPTH, type TraceEvent } from '../../protocol/index.js';
import type { TailParams } from '../account.js';
import { ApiError } from './envelope.js';

/** What a tail of the local account can be filtered by: outcomes one by one too, as API v4 names them. */
export interface LocalTailParams extends TailParams {
  outcomes?: string[];
}

export type TailFilter = (eventJson: string) => boolean;

/**
 * The filters of a tail as one test; undefined when every event passes, so that nothing is parsed.
 * As at Cloudflare, every filter given must match. Sampling comes first: it needs no parsing either.
 */
export function compileFilter(
  params: LocalTailParams,
  random: () => number = Math.random,
): TailFilter | undefined {
  const tests = eventTests(params);
  const { samplingRate } = params;
  if (tests.length === 0 && samplingRate === undefined) return undefined;
  return (eventJson) => {
    if (samplingRate !== undefined && random() >= samplingRate) return false;
    // What nests deeper than any message may is for the sink to count: not every test could be made of it.
    if (tests.length === 0 || isTextDeeperThan(eventJson, MAX_DEPTH)) return true;
    const event = JSON.parse(eventJson) as TraceEvent;
    return tests.every((test) => test(event));
  };
}

function eventTests({
  status,
  outcomes,
  method,
  search,
  headers,
  clientIp,
}: LocalTailParams): ((event: TraceEvent) => boolean)[] {
  const tests: ((event: TraceEvent) => boolean)[] = [];
  const wanted = outcomes ?? status?.flatMap((one) => [...OUTCOMES_OF_STATUS[one]]);
  if (wanted) {
    const set = new Set<string>(wanted);
    tests.push((event) => set.has(event.outcome));
  }
  if (method) {
    const methods = new Set(method.map((one) => one.toUpperCase()));
    tests.push((event) => methods.has(requestOf(event)?.method ?? ''));
  }
  for (const { key, query } of headers ?? []) {
    tests.push((event) => {
      const value = requestOf(event)?.headers?.[key.toLowerCase()];
      return value !== undefined && (query === undefined || value === query);
    });
  }
  if (clientIp) tests.push((event) => isFrom(event, clientIp));
  if (search !== undefined)
    tests.push((event) => event.logs.some((log) => textOf(log.message).includes(search)));
  return tests;
}

interface TraceRequest {
  method?: string;
  headers?: Record<string, string>;
}

function requestOf(event: TraceEvent): TraceRequest | undefined {
  return (event.event as { request?: TraceRequest } | null)?.request;
}

/** Requests of the local account come from this machine, unless their sender says otherwise, as a proxy would. */
function isFrom(event: TraceEvent, addresses: readonly string[]): boolean {
  const request = requestOf(event);
  if (!request) return false;
  const address = request.headers?.['cf-connecting-ip'];
  return address === undefined ? addresses.includes('self') : addresses.includes(address);
}

function textOf(message: unknown): string {
  const parts: unknown[] = Array.isArray(message) ? message : [message];
  return parts.map((part) => (typeof part === 'string' ? part : (JSON.stringify(part) ?? ''))).join(' ');
}

/**
 * The filters of API v4's `POST …/tails`: a list of objects with one member each.
 * @throws ApiError 400 for what is none.
 */
export function tailParamsOf(workerName: string, filters: unknown): LocalTailParams {
  const params: LocalTailParams = { workerName };
  if (filters === undefined || filters === null) return params;
  if (!Array.isArray(filters)) throw invalid(filters);
  for (const filter of filters) addFilter(params, filter);
  return params;
}

function addFilter(params: LocalTailParams, filter: unknown): void {
  const { sampling_rate, outcome, method, header, client_ip, query } = (filter ?? {}) as Record<
    string,
    unknown
  >;
  if (typeof sampling_rate === 'number') params.samplingRate = sampling_rate;
  else if (isTexts(outcome)) params.outcomes = outcome;
  else if (isTexts(method)) params.method = method;
  else if (isTexts(client_ip)) params.clientIp = client_ip;
  else if (typeof query === 'string') params.search = query;
  else if (isHeader(header)) params.headers = [...(params.headers ?? []), header];
  else throw invalid(filter);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isHeader(value: unknown): value is { key: string; query?: string } {
  const { key, query } = (value ?? {}) as Record<string, unknown>;
  return typeof key === 'string' && (query === undefined || typeof query === 'string');
}

function invalid(filter: unknown): ApiError {
  return new ApiError(
    400,
    10001,
    `A tail's filters are a list of sampling_rate, outcome, method, header, client_ip and query, not ${JSON.stringify(filter)}`,
  );
}
