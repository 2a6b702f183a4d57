import type { TraceEvent } from '../protocol/index.js';
import { printable } from './table.js';
import type { Terminal } from './terminal.js';

const OUTCOME_STYLES = { ok: 'green', canceled: 'yellow' } as const;
const LEVEL_STYLES = { error: 'red', warn: 'yellow', debug: 'dim' } as const;

/** One trace event as lines for a person: what was asked and how it ended, what was logged, what was thrown. */
export function describeEvent(json: string, terminal: Terminal): string {
  const event = JSON.parse(json) as TraceEvent;
  const outcome = terminal.style(pick(OUTCOME_STYLES, event.outcome, 'red'), printable(event.outcome));
  const lines = [`${time(event.eventTimestamp)} ${printable(trigger(event.event))} ${outcome}`];
  for (const { level, message } of event.logs) {
    lines.push(
      `  ${terminal.style(pick(LEVEL_STYLES, level, 'cyan'), printable(level))} ${logText(message)}`,
    );
  }
  for (const { name, message } of event.exceptions) {
    lines.push(`  ${terminal.style('red', `${printable(name)}: ${printable(message)}`)}`);
  }
  return `${lines.join('\n')}\n`;
}

function pick<S extends string, F extends string>(
  styles: Readonly<Record<string, S>>,
  name: string,
  fallback: F,
): S | F {
  return Object.hasOwn(styles, name) ? (styles[name] ?? fallback) : fallback;
}

function time(milliseconds: number | null): string {
  return milliseconds === null ? '-' : new Date(milliseconds).toISOString();
}

/** What started the Worker: a request, a cron, a queue, an alarm, … */
function trigger(event: unknown): string {
  if (typeof event !== 'object' || event === null) return '-';
  const { request, response, cron, queue, rpcMethod, type, message } = event as {
    request?: { method?: string; url?: string };
    response?: { status?: number };
    cron?: string;
    queue?: string;
    rpcMethod?: string;
    type?: string;
    message?: string;
  };
  // Cloudflare's notices (`overload`), and ours of a gap.
  if (typeof type === 'string' && typeof message === 'string') return `${type}: ${message}`;
  if (request) return [request.method, request.url, response?.status].filter(Boolean).join(' ');
  if (cron !== undefined) return `cron ${cron}`;
  if (queue !== undefined) return `queue ${queue}`;
  return rpcMethod === undefined ? 'event' : `rpc ${rpcMethod}`;
}

/** `message` is the list of what was given to console.log. */
function logText(message: unknown): string {
  const parts = Array.isArray(message) ? message : [message];
  return parts.map((part) => printable(typeof part === 'string' ? part : JSON.stringify(part))).join(' ');
}
