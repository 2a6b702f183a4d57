// The whole way, once: `npm start`. Everything happens on this machine, on the local account: no Cloudflare account,
// no internet, no port. Replace `account: 'local'` by credentials in the environment, and it is Cloudflare's network.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { heading, line, step, style, table } from './output.js';
import { canInspect, inetSockets, processTree, stillThere } from './process-tree.js';
import { createSidecar, runWithSidecar } from './sidecar.js';

const PROJECT = fileURLToPath(new URL('worker', import.meta.url));
const REQUESTS = [
  { url: '/', headers: { 'x-visitor': 'Ada' } },
  { url: '/', headers: { 'x-visitor': 'Grace' } },
  { url: '/files/note.txt', method: 'PUT', body: 'Hello from the desktop' },
  { url: '/files/note.txt' },
  { url: '/fail' },
  { url: '/', headers: { 'x-visitor': 'Ada' } },
];
/** How often the event-loop monitor looks: what it measures is at least this. */
const RESOLUTION_MS = 1;

async function main() {
  const stateDir = await mkdtemp(join(tmpdir(), 'fluorite-flake-example-'));
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let processes = [];
  try {
    heading('Sidecar');
    const sidecar = createSidecar({ account: 'local', stateDir, cwd: PROJECT }, (text) =>
      line(style('dim', text)),
    );
    delay.enable();
    const exitCode = await runWithSidecar(sidecar, async () => {
      await show(sidecar);
      processes = await showProcesses(sidecar);
      showDelay(delay);
      heading('Stop');
    });
    await showNothingIsLeft(processes);
    if (exitCode !== 0) line('Interrupted.');
    return exitCode;
  } finally {
    delay.disable();
    await rm(stateDir, { recursive: true, force: true });
  }
}

/** What an app does: deploy, call, watch the logs, show the account. */
async function show(sidecar) {
  const { version, workerd } = await sidecar.call('system.version');
  line(`fluorite-flake ${version}, workerd ${workerd}, ${sidecar.account.kind} account`);

  heading('Deploy');
  const { name, message, gzipSize, startupTimeMs, notes, warnings } = await step(
    'bundle, check and start',
    () => sidecar.call('dashboard.deployWorker', { cwd: PROJECT }),
  );
  line(message);
  line(`${gzipSize} bytes gzipped, started in ${startupTimeMs} ms`);
  for (const note of notes) line(note);
  for (const warning of warnings) line(style('yellow', warning));

  heading('Requests and the live tail');
  await invokeAndTail(sidecar, name);

  heading('Dashboard');
  await showDashboard(sidecar);
}

async function invokeAndTail(sidecar, name) {
  const tail = sidecar.tailLogs({ workerName: name }, { signal: AbortSignal.timeout(30_000) });
  // From here on no event is missed.
  await tail.ready;
  await Promise.all([printEvents(tail, REQUESTS.length), sendRequests(sidecar, name)]);
  line(`${REQUESTS.length} requests, ${REQUESTS.length} trace events, ${tail.dropped} dropped`);
}

async function sendRequests(sidecar, name) {
  for (const request of REQUESTS) {
    const { status, body } = await sidecar.call('dashboard.invokeWorker', { name, ...request });
    const [firstLine] = body.trim().split('\n');
    line(
      `${style('cyan', '->')} ${request.method ?? 'GET'} ${request.url}: ${status} ${firstLine}`.trimEnd(),
    );
  }
}

/** Prints trace events as they come, and ends the tail behind the last one that is expected. */
async function printEvents(tail, expected) {
  let seen = 0;
  for await (const event of tail) {
    const { method, url } = event.event.request;
    const colour = event.outcome === 'ok' ? 'green' : 'red';
    line(`${style(colour, '<-')} tail: ${method} ${new URL(url).pathname}, outcome ${event.outcome}`);
    for (const { level, message } of event.logs)
      line(`     ${level}: ${[message].flat().map(asText).join(' ')}`);
    for (const { name, message } of event.exceptions) line(`     ${style('red', `${name}: ${message}`)}`);
    seen += 1;
    if (seen === expected) break;
  }
}

const asText = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

async function showDashboard(sidecar) {
  const data = await sidecar.call('dashboard.getData');
  table(
    ['WORKER', 'MODIFIED', 'COMPATIBILITY DATE'],
    data.workers.map(({ name, modifiedOn = '', compatibilityDate = '' }) => [
      name,
      modifiedOn,
      compatibilityDate,
    ]),
  );
  table(
    ['KV NAMESPACE', 'KEY', 'VALUE'],
    await Promise.all(
      data.kvNamespaces.map(async ({ id, title }) => {
        const { value = '' } = await sidecar.call('kv.get', { namespaceId: id, key: 'count' });
        return [title, 'count', value];
      }),
    ),
  );
  const objects = data.r2Buckets.map(async ({ name }) => {
    const { items } = await sidecar.call('r2.listObjects', { bucket: name });
    return items.map(({ key, size }) => [name, key, `${size} bytes`]);
  });
  table(['R2 BUCKET', 'OBJECT', 'SIZE'], (await Promise.all(objects)).flat());
  for (const { product, message } of data.errors) line(style('red', `${product}: ${message}`));
}

/** Shows the processes, and that none of them has a network socket. */
async function showProcesses(sidecar) {
  heading('Processes and ports');
  if (!canInspect) {
    line(
      `This app is process ${process.pid}, the CLI ${sidecar.pid}. Their sockets can be shown on Linux only.`,
    );
    return [];
  }
  const processes = await processTree();
  table(
    ['PID', 'NAME'],
    processes.map(({ pid, name }) => [String(pid), name]),
  );
  const sockets = await inetSockets(processes);
  if (sockets.length > 0) throw new Error(`An inet socket is open: ${JSON.stringify(sockets)}`);
  line(
    `${processes.length} processes hold no TCP or UDP socket, neither listening nor bound, loopback included.`,
  );
  return processes;
}

function showDelay(delay) {
  heading('This thread, all the while');
  const ms = (nanoseconds) => `${Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS).toFixed(1)} ms`;
  line(
    `event-loop delay: median ${ms(delay.percentile(50))}, p99 ${ms(delay.percentile(99))}, max ${ms(delay.max)}`,
  );
}

async function showNothingIsLeft(processes) {
  if (!canInspect) return;
  const known = [...processes, ...(await processTree())];
  const left = await stillThere(known.filter(({ pid }) => pid !== process.pid));
  if (left.length > 0) throw new Error(`Processes are left: ${JSON.stringify(left)}`);
  line('No process is left.');
}

try {
  process.exitCode = await main();
} catch (error) {
  const code = error.code === undefined ? '' : ` (${error.code})`;
  console.error(`\n${style('red', `The example failed: ${error.message}${code}`)}`);
  process.exitCode = 1;
}
