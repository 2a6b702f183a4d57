// A host whose main thread blocks while a flood of log lines comes; prints what it saw as JSON.
// Arguments: the library, the CLI, lines, milliseconds to block.
import { readFileSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

const [door = '', cliPath = '', ...numbers] = process.argv.slice(2);
const [lines = 0, blockMs = 0] = numbers.map(Number);
const { TauriSidecar }: typeof import('../../bridge/index.js') = await import(door);
const LINE_BYTES = 200;

function memoryMiB(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const kibibytes = new RegExp(`${field}:\\s+(\\d+)`).exec(
    readFileSync(`/proc/${pid}/status`, 'latin1'),
  )?.[1];
  return Number(kibibytes) / 1024;
}

function block(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

const sidecar = new TauriSidecar({ cliPath, account: 'local', autoRestart: false });
await sidecar.start();
// Both processes have done all of this once: what grows from here on is the flood's.
for await (const _ of sidecar.tailLogs({ workerName: 'flood-20000' }).batches());
for (let i = 0; i < 50; i++) await sidecar.call('system.ping');
const pids = [process.pid, sidecar.pid as number];
const before = pids.map((pid) => {
  // Resets the high-water mark.
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return memoryMiB(pid, 'VmRSS');
});

const stream = sidecar.tailLogs({ workerName: `flood-${lines}` });
await stream.ready;
block(blockMs);
const pingedMs = performance.now();
const ping = sidecar.call('system.ping').then(() => performance.now() - pingedMs);
let delivered = 0;
for await (const batch of stream.batches()) delivered += (batch.bytes.length - 1) / (LINE_BYTES + 1);
const pingMs = await ping;
const growthMiB = pids.map((pid, i) => memoryMiB(pid, 'VmHWM') - (before[i] ?? 0));
const { dropped, endReason } = stream;
await sidecar.stop();
console.log(JSON.stringify({ delivered, dropped, endReason, pingMs, growthMiB }));
