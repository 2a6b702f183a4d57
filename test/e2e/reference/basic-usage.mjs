import { initializeSidecar, shutdownSidecar, getDashboardData } from 'fluorite-flake/tauri';

// Initialize the sidecar when your app starts
await initializeSidecar({
  ipcPort: 9123,
  debug: true,
  autoRestart: true
});

// Get dashboard data
const data = await getDashboardData();

// Shutdown when your app closes
await shutdownSidecar();

// The test's own line, below the promised code.
console.log(JSON.stringify({ data }));
