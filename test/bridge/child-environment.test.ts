import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childEnvironment } from '../../bridge/child-environment.js';

test('the child gets what it needs of the host, and nothing else', () => {
  const host = {
    PATH: '/bin',
    HOME: '/home/me',
    LANG: 'C',
    LC_ALL: 'C',
    TMPDIR: '/tmp',
    XDG_DATA_HOME: '/data',
    FLUORITE_FLAKE_HOME: '/state',
    CLOUDFLARE_API_TOKEN: 'token',
    https_proxy: 'http://proxy',
    NODE_EXTRA_CA_CERTS: '/ca.pem',
    SystemRoot: 'C:\\Windows',
    NODE_OPTIONS: '--require /evil.js',
    NODE_PATH: '/evil',
    LD_PRELOAD: '/evil.so',
    BASH_ENV: '/evil.sh',
    AWS_SECRET_ACCESS_KEY: 'secret',
    npm_config_registry: 'http://registry',
    UNSET: undefined,
  };
  assert.deepEqual(Object.keys(childEnvironment(host, {})), [
    'PATH',
    'HOME',
    'LANG',
    'LC_ALL',
    'TMPDIR',
    'XDG_DATA_HOME',
    'FLUORITE_FLAKE_HOME',
    'CLOUDFLARE_API_TOKEN',
    'https_proxy',
    'NODE_EXTRA_CA_CERTS',
    'SystemRoot',
  ]);
});

test('`env` is added over it, whatever its names', () => {
  assert.deepEqual(childEnvironment({ PATH: '/bin' }, { PATH: '/usr/bin', ANY: '1' }), {
    PATH: '/usr/bin',
    ANY: '1',
  });
});
