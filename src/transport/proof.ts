/** Loaded at the first handshake: the worker thread has spawned its child by then, which takes longer to start. */
const crypto = () => process.getBuiltinModule('node:crypto');

export type ProofRole = 'server' | 'client';

/** 16 random bytes, hexadecimal. */
export function createNonce(): string {
  return crypto().randomBytes(16).toString('hex');
}

/**
 * What `role` sends to prove that it knows `token`: HMAC-SHA256 over its role and both nonces, hexadecimal.
 * The role keeps a proof from being sent back to its sender, the nonces keep it from being used twice.
 */
export function proofOf(role: ProofRole, token: string, clientNonce: string, serverNonce: string): string {
  return crypto()
    .createHmac('sha256', token)
    .update(`fluorite-flake/${role}\n${clientNonce}\n${serverNonce}`)
    .digest('hex');
}

/** Whether `given` is the proof that `role` had to send, compared in constant time. */
export function isProof(
  given: unknown,
  role: ProofRole,
  token: string,
  clientNonce: string,
  serverNonce: string,
): boolean {
  if (typeof given !== 'string') return false;
  const expected = Buffer.from(proofOf(role, token, clientNonce, serverNonce));
  const actual = Buffer.from(given);
  return actual.length === expected.length && crypto().timingSafeEqual(actual, expected);
}
