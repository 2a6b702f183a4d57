import type { TailParams } from '../accounts/account.js';
import { parseParams } from '../protocol/index.js';
import type { Command } from './command.js';
import type { CommandInput } from './input.js';
import { oneOf } from './one-of.js';
import type { Session } from './session.js';
import { describeEvent } from './tail-event.js';
import { GAP, type TailPage, TailQueue } from './tail-queue.js';

const STATUSES = ['ok', 'error', 'canceled'] as const;
const OWNER_CHANGED =
  'The process that ran the Workers has ended and another one took over; events in between may be missing.';
const MAX_WAITING_CHARACTERS = 8 * 1024 * 1024;

export const tailCommand: Command = {
  path: ['tail'],
  summary: 'Prints what a Worker logs and throws, live, until Ctrl-C; with --json one trace event a line.',
  arguments: [{ name: 'worker', description: "the Worker's name" }],
  options: [
    {
      flags: '--status <status>',
      description: `only this outcome: ${STATUSES.join(', ')}`,
      repeatable: true,
    },
    { flags: '--method <name>', description: 'only this HTTP method', repeatable: true },
    { flags: '--search <text>', description: 'only events with a log message that contains this' },
    { flags: '--sampling-rate <share>', description: 'a share of the events, over 0 and up to 1' },
    { flags: '--header <name[:value]>', description: 'only requests with this header', repeatable: true },
    {
      flags: '--ip <address>',
      description: 'only requests from here; self is this machine',
      repeatable: true,
    },
  ],
  examples: ['tail hello', 'tail hello --status error --json', 'tail hello --method POST --search payment'],
  async run(input, session) {
    const params = tailParams(input);
    await follow(params, session);
  },
};

/** Prints events until the signal aborts. @throws SidecarError when the source ends by itself */
async function follow(params: TailParams, session: Session): Promise<void> {
  const account = await session.account();
  const queue = new TailQueue(MAX_WAITING_CHARACTERS);
  const stop = () => queue.stop();
  session.signal.addEventListener('abort', stop, { once: true });
  const source = await account.openTail(params, queue, session.signal);
  try {
    session.note(`Tailing ${params.workerName}. Ctrl-C ends it.`);
    for await (const page of queue) await printPage(page, session);
  } finally {
    session.signal.removeEventListener('abort', stop);
    await source.close();
  }
}

function tailParams(input: CommandInput) {
  return parseParams('dashboard.tailLogs', {
    workerName: input.argument('worker'),
    status: input.list('status')?.map((status) => oneOf(STATUSES, 'status', status)),
    method: input.list('method'),
    search: input.text('search'),
    samplingRate: input.number('samplingRate'),
    headers: input.list('header')?.map((header) => {
      const [key = '', ...value] = header.split(':');
      return value.length === 0 ? { key } : { key, query: value.join(':').trim() };
    }),
    clientIp: input.list('ip'),
  });
}

async function printPage({ events, dropped }: TailPage, { json, terminal, print }: Session): Promise<void> {
  if (dropped > 0) terminal.printError(json ? JSON.stringify({ dropped }) : `${dropped} events were dropped`);
  let text = '';
  for (const event of events) {
    if (event !== GAP) text += json ? oneLine(event) : describeEvent(event, terminal);
    else {
      await print(text);
      text = '';
      terminal.printError(json ? JSON.stringify({ gap: 'owner-changed' }) : OWNER_CHANGED);
    }
  }
  await print(text);
}

function oneLine(json: string): string {
  return `${json.includes('\n') ? JSON.stringify(JSON.parse(json)) : json}\n`;
}
