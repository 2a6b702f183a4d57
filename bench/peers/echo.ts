/** What every peer's child answers to `system.ping`, as the product's own server does. */
export function ping(params: unknown): { pong: true; timestamp: number; payload: unknown } {
  return { pong: true, timestamp: Date.now(), payload: (params as { payload?: unknown }).payload };
}
