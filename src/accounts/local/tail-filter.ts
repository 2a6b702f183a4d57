import { OUTCOMES_OF_STATUS } from '../../cloudflare/tail.js';
import type { TraceEvent } from '../../protocol/index.js';
import type { TailParams } from '../account.js';

export type TailFilter = (eventJson: string) => boolean;

/**
 * The filters of a tail as one test; undefined when every event passes, so that nothing is parsed.
 * As at Cloudflare, every filter given must match. Sampling comes first: it needs no parsing either.
 */
export function compileFilter(
  params: TailParams,
  random: () => number = Math.random,
): TailFilter | undefined {
  const tests = eventTests(params);
  const { samplingRate } = params;
  if (tests.length === 0 && samplingRate === undefined) return undefined;
  return (eventJson) => {
    if (samplingRate !== undefined && random() >= samplingRate) return false;
    if (tests.length === 0) return true;
    const event = JSON.parse(eventJson) as TraceEvent;
    return tests.every((test) => test(event));
  };
}

function eventTests({
  status,
  method,
  search,
  headers,
  clientIp,
}: TailParams): ((event: TraceEvent) => boolean)[] {
  const tests: ((event: TraceEvent) => boolean)[] = [];
  if (status) {
    const outcomes = new Set<string>(status.flatMap((one) => OUTCOMES_OF_STATUS[one]));
    tests.push((event) => outcomes.has(event.outcome));
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
