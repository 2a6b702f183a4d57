import { isDeeperThan, MAX_DEPTH } from '../protocol/index.js';

/**
 * A message of the tail as a trace event: as it is when it has every member that one has, else with what is missing
 * filled in (Cloudflare's own notices, such as `overload`, may have less). undefined when it is none at all.
 */
export function toTraceEvent(text: string, workerName: string): string | undefined {
  const event = parseObject(text);
  if (!event) return undefined;
  const { scriptName, outcome, eventTimestamp, logs, exceptions } = event;
  const isWhole =
    scriptName !== undefined &&
    typeof outcome === 'string' &&
    eventTimestamp !== undefined &&
    Array.isArray(logs) &&
    Array.isArray(exceptions) &&
    'event' in event;
  if (isWhole) return text;
  const hasSomething = 'event' in event || 'outcome' in event || 'logs' in event;
  // V8 may not write again what nests deep, and no tail sends it.
  if (!hasSomething || isDeeperThan(event, MAX_DEPTH)) return undefined;
  return JSON.stringify({
    ...event,
    scriptName: scriptName ?? workerName,
    outcome: typeof outcome === 'string' ? outcome : 'unknown',
    eventTimestamp: eventTimestamp ?? null,
    logs: Array.isArray(logs) ? logs : [],
    exceptions: Array.isArray(exceptions) ? exceptions : [],
    event: event.event ?? null,
  });
}

/** A place where events may be missing, told in the shape in which Cloudflare tells of its own `overload`. */
export function gapEvent(workerName: string, message: string): string {
  return JSON.stringify({
    scriptName: workerName,
    outcome: 'unknown',
    eventTimestamp: Date.now(),
    logs: [],
    exceptions: [],
    event: { type: 'gap', message },
  });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // Counted as dropped by the caller.
  }
}
