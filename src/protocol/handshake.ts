import * as z from 'zod';
import { method } from './define-method.js';
import { lazy } from './lazy.js';
import { accountInfo } from './resources.js';

const nonce = lazy(() => z.string().min(16).max(128));
const proof = lazy(() => z.string().length(64));

/**
 * `initialize` comes first in every session. When the server was started with a token, both sides
 * prove it: the server in its answer, the client in the notification `initialized`. The proofs are
 * made in `transport/proof.ts`.
 */
export const handshakeMethods = {
  initialize: method(() => ({
    summary: 'Opens the session: versions are compared, and with a token both sides prove that they know it.',
    params: z.strictObject({
      protocolVersion: z.number().int(),
      client: z.strictObject({ name: z.string(), version: z.string() }),
      processId: z.number().int().nullable(),
      /** Hexadecimal random bytes; required when the server has a token. */
      nonce: nonce().optional(),
    }),
    result: z.object({
      protocolVersion: z.number().int(),
      server: z.object({ name: z.string(), version: z.string() }),
      account: accountInfo(),
      /** True when the server refuses every method that changes something. */
      readOnly: z.boolean().optional(),
      nonce: nonce().optional(),
      proof: proof().optional(),
    }),
    errors: ['authentication-failed', 'version-mismatch', 'invalid-request'],
    repeatable: false,
    effect: 'read',
    timeoutMs: 10_000,
  })),
} as const;

/** The params of the notification `initialized`. */
export const initializedParams = lazy(() => z.strictObject({ proof: proof().optional() }));
