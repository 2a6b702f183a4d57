import type { AccountInfo } from '../src/protocol/index.js';
import { createNonce, isProof, proofOf } from '../src/transport/proof.js';
import type { Launched, LaunchOptions } from './contract.js';
import { Failure } from './failure.js';
import type { Session } from './session.js';

interface Answer {
  protocolVersion?: unknown;
  server?: { name: string; version: string };
  account?: AccountInfo;
  nonce?: string;
  proof?: string;
}

/**
 * The client's side of the handshake: `initialize`, the server's proof, then our own.
 * @throws Failure `authentication-failed`, `version-mismatch`, or what the server refused with
 */
export async function shakeHands(session: Session, pid: number, options: LaunchOptions): Promise<Launched> {
  const nonce = createNonce();
  const { protocolVersion, client, authToken, startTimeoutMs } = options;
  const params = { protocolVersion, client, processId: process.pid, nonce };
  const answer = ((await session.call('initialize', params, startTimeoutMs)) ?? {}) as Answer;
  if (answer.protocolVersion !== protocolVersion) {
    throw new Failure(
      'version-mismatch',
      `The CLI speaks protocol ${JSON.stringify(answer.protocolVersion)}, this library protocol ${protocolVersion}: install the same version of fluorite-flake on both sides.`,
    );
  }
  if (typeof answer.nonce !== 'string' || !isProof(answer.proof, 'server', authToken, nonce, answer.nonce)) {
    throw new Failure('authentication-failed', 'The CLI did not prove that it knows the token it was given.');
  }
  if (answer.account === undefined || answer.server === undefined) {
    throw new Failure('protocol-error', 'The CLI answered `initialize` without its name or account.');
  }
  session.notify('initialized', { proof: proofOf('client', authToken, nonce, answer.nonce) });
  return { pid, account: answer.account, server: answer.server };
}
