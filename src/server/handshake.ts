import { type ParsedParams, PROTOCOL_VERSION, type Result, SidecarError } from '../protocol/index.js';
import { createNonce, isProof, proofOf } from '../transport/proof.js';
import { VERSION } from '../version.js';
import type { ServerServices } from './context.js';

/**
 * The server's side of the handshake: `initialize`, then, when there is a token, `initialized` with the client's
 * proof. Anything out of order, missing or wrong is refused, and the first failure is final.
 */
export class Handshake {
  readonly #token: string | undefined;
  readonly #services: ServerServices;
  #state: 'new' | 'initialized' | 'done' | 'failed' = 'new';
  #clientNonce = '';
  #serverNonce = '';

  constructor(token: string | undefined, services: ServerServices) {
    this.#token = token;
    this.#services = services;
  }

  /** Whether calls may come. Without a token they may as soon as `initialize` was answered. */
  get done(): boolean {
    return this.#state === 'done';
  }

  get failed(): boolean {
    return this.#state === 'failed';
  }

  async initialize(params: ParsedParams<'initialize'>): Promise<Result<'initialize'>> {
    if (this.#state !== 'new') {
      throw this.#fail('invalid-request', '`initialize` was sent already; it opens a session once.');
    }
    if (params.protocolVersion !== PROTOCOL_VERSION) {
      throw this.#fail(
        'version-mismatch',
        `The client speaks protocol ${params.protocolVersion}, this CLI (${VERSION}) protocol ${PROTOCOL_VERSION}: install the same version of fluorite-flake on both sides.`,
      );
    }
    if (this.#token !== undefined && params.nonce === undefined) {
      throw this.#fail(
        'authentication-failed',
        '`initialize` needs a nonce: this server was started with a token.',
      );
    }
    this.#state = this.#token === undefined ? 'done' : 'initialized';
    const info = await this.#accountInfo();
    const server = { name: 'fluorite-flake', version: VERSION };
    const answer = {
      protocolVersion: PROTOCOL_VERSION,
      server,
      account: info,
      ...(this.#services.readOnly && { readOnly: true }),
    };
    if (this.#token === undefined || params.nonce === undefined) return answer;
    this.#clientNonce = params.nonce;
    this.#serverNonce = createNonce();
    const proof = proofOf('server', this.#token, this.#clientNonce, this.#serverNonce);
    return { ...answer, nonce: this.#serverNonce, proof };
  }

  /** Without an account there is no session, but the client may try again. */
  async #accountInfo(): Promise<Result<'initialize'>['account']> {
    try {
      return (await this.#services.account()).info;
    } catch (error) {
      if (this.#state !== 'failed') this.#state = 'new';
      throw error;
    }
  }

  /** @throws SidecarError `authentication-failed` */
  initialized(proof: string | undefined): void {
    if (this.#token === undefined) return;
    if (this.#state !== 'initialized' || this.#serverNonce === '') {
      throw this.#fail('authentication-failed', '`initialized` came out of order.');
    }
    if (!isProof(proof, 'client', this.#token, this.#clientNonce, this.#serverNonce)) {
      throw this.#fail('authentication-failed', 'The client did not prove that it knows the token.');
    }
    this.#state = 'done';
  }

  /** Why a call cannot be taken yet. */
  refusal(method: string): SidecarError {
    const fail = this.#token !== undefined && this.#state === 'initialized';
    if (fail)
      return this.#fail('authentication-failed', `${method} came before the proof in \`initialized\`.`);
    return new SidecarError('not-initialized', `${method} came before \`initialize\`; send that first.`);
  }

  #fail(
    code: 'authentication-failed' | 'invalid-request' | 'version-mismatch',
    message: string,
  ): SidecarError {
    this.#state = 'failed';
    return new SidecarError(code, message);
  }
}
