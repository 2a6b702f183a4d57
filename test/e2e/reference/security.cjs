const { TauriSidecar, SidecarState } = require('fluorite-flake/tauri');
const crypto = require('crypto');

const authToken = crypto.randomBytes(32).toString('hex');

const sidecar = new TauriSidecar({
  authToken,
  // Other options...
});

// The test's own lines, below the promised code.
sidecar
  .start()
  .then(() => sidecar.call('system.ping'))
  .then(({ pong }) => sidecar.stop().then(() => console.log(JSON.stringify({ pong, state: SidecarState.STOPPED === sidecar.getState() }))));
