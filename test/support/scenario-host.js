// A host application that ends in the way its first argument names, once its sidecar runs.
import { EventEmitter } from 'node:events';

const [way, door, options] = process.argv.slice(2);
const { TauriSidecar, proxy } = await import(door);
const sidecar = new TauriSidecar(JSON.parse(options));
await sidecar.start();
process.stdout.write(`${sidecar.pid}\n`);

switch (way) {
  case 'exit':
    process.exit(3);
    break;
  case 'throw':
    setTimeout(() => {
      throw new Error('a defect of the host');
    }, 1);
    break;
  case 'kill':
    process.kill(process.pid, 'SIGKILL');
    break;
  case 'stop':
    await sidecar.stop();
    break;
  case 'stop-in-backoff': {
    process.kill(sidecar.pid, 'SIGKILL');
    await EventEmitter.once(sidecar, 'process-exit');
    const call = sidecar.call('system.ping').catch(() => undefined);
    const stream = sidecar.tailLogs({ workerName: 'steady' });
    await sidecar.stop();
    stream.stop();
    await call;
    // What would keep it alive for a while: nothing else would tell.
    process.stdout.write(
      `${JSON.stringify(process.getActiveResourcesInfo().filter((name) => name === 'Timeout'))}\n`,
    );
    break;
  }
  case 'paused': {
    // The CLI answers both while this process is stopped, and their time is up. It must stop it before.
    for (let timeout = 250; ; timeout *= 2) {
      const payload = { startedMs: Date.now(), timeoutMs: timeout };
      const tail = sidecar.remote.tail(
        { workerName: 'behind-stop' },
        proxy(() => {}),
        { timeout },
      );
      const calls = [tail, sidecar.call('system.ping', { payload }, { timeout })];
      const outcomes = (await Promise.allSettled(calls)).map(({ status, reason }) => reason?.code ?? status);
      const { payload: wasStopped } = await sidecar.call('system.ping', { payload: 'was-host-stopped' });
      if (!wasStopped) continue;
      await sidecar.stop();
      process.stdout.write(`${outcomes}\n`);
      break;
    }
    break;
  }
  case 'error':
    // No listener: it must be a warning, and the host goes on.
    process.kill(sidecar.pid, 'SIGKILL');
    await EventEmitter.once(sidecar, 'process-exit');
    await new Promise((resolve) => setImmediate(resolve));
    process.stdout.write(`${sidecar.getState()}\n`);
    break;
}
