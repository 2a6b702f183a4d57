import { TauriSidecar, SidecarState } from 'fluorite-flake/tauri';

// Create a custom sidecar instance
const sidecar = new TauriSidecar({
  cliPath: '/path/to/fluorite-flake',
  ipcPort: 9123,
  authToken: 'your-secret-token',
  debug: true,
  autoRestart: true,
  restartDelay: 5000
});

// Listen to events
sidecar.on('started', () => {
  console.log('Sidecar started');
});

sidecar.on('error', (error) => {
  console.error('Sidecar error:', error);
});

sidecar.on('state-change', ({ from, to }) => {
  console.log(`State changed from ${from} to ${to}`);
});

// Start the sidecar
await sidecar.start();

// Make IPC calls
const workers = await sidecar.call('dashboard.getData');
const deployResult = await sidecar.call('dashboard.deployWorker', {
  name: 'my-worker',
  dryRun: false
});

// Check state
if (sidecar.isRunning()) {
  console.log('Sidecar is running');
}

// Restart if needed
await sidecar.restart();

// Stop when done
await sidecar.stop();

// The test's own line, below the promised code.
console.log(JSON.stringify({ workers, deployResult, state: sidecar.getState(), stopped: SidecarState.STOPPED }));
