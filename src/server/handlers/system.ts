import { createRequire } from 'node:module';
import { type ParsedParams, PROTOCOL_VERSION, type Result } from '../../protocol/index.js';
import { VERSION } from '../../version.js';

export function ping({ payload }: ParsedParams<'system.ping'>): Result<'system.ping'> {
  return { pong: true, timestamp: Date.now(), ...(payload !== undefined && { payload }) };
}

export function version(): Result<'system.version'> {
  const workerd = workerdVersion();
  return {
    version: VERSION,
    node: process.versions.node,
    protocol: PROTOCOL_VERSION,
    ...(workerd !== undefined && { workerd }),
  };
}

/** workerd is an optional dependency: it may not be installed. */
function workerdVersion(): string | undefined {
  try {
    const { version } = createRequire(import.meta.url)('workerd/package.json') as { version: string };
    return version;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
