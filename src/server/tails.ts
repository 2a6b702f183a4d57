import { randomBytes } from 'node:crypto';
import type { TailParams, TailSource } from '../accounts/account.js';
import { SidecarError } from '../protocol/index.js';
import type { CallContext, ServerServices } from './context.js';
import { Tail, type TailChannel } from './tail.js';

/** Tails a connection may have open at once. */
const MAX_TAILS = 100;

/** The tails of one connection. */
export class Tails {
  readonly #services: ServerServices;
  readonly #channel: TailChannel;
  readonly #tails = new Map<string, { tail: Tail; source?: TailSource }>();

  constructor(services: ServerServices, channel: TailChannel) {
    this.#services = services;
    this.#channel = channel;
  }

  /** Opens a tail; its batches wait until `begin` is called with the id. */
  async open(params: TailParams, context: CallContext): Promise<{ tailId: string }> {
    if (this.#tails.size >= MAX_TAILS) {
      throw new SidecarError(
        'limit-exceeded',
        `${MAX_TAILS} tails are open on this connection; stop one first.`,
      );
    }
    const id = randomBytes(8).toString('hex');
    const tail = new Tail(id, this.#channel, () => this.#forget(id));
    const entry: { tail: Tail; source?: TailSource } = { tail };
    this.#tails.set(id, entry);
    try {
      const account = await this.#services.account();
      entry.source = await account.openTail(params, tail, context.signal);
    } catch (error) {
      this.#tails.delete(id);
      throw error;
    }
    if (context.signal.aborted) {
      this.#tails.delete(id);
      await entry.source.close();
      throw new SidecarError('cancelled', 'The tail was cancelled before it was open.');
    }
    return { tailId: id };
  }

  begin(tailId: string): void {
    this.#tails.get(tailId)?.tail.begin();
  }

  /** @throws SidecarError `not-found` */
  async stop(tailId: string): Promise<{ success: true }> {
    const entry = this.#tails.get(tailId);
    if (entry === undefined) {
      throw new SidecarError(
        'not-found',
        `No tail ${JSON.stringify(tailId)} is open; it may have ended by itself.`,
      );
    }
    entry.tail.end('stopped');
    await entry.source?.close();
    return { success: true };
  }

  /** Credit for a tail that has ended meanwhile is no fault. */
  grant(tailId: string, bytes: number): void {
    this.#tails.get(tailId)?.tail.grant(bytes);
  }

  pump(): void {
    for (const { tail } of this.#tails.values()) tail.pump();
  }

  async close(): Promise<void> {
    const entries = [...this.#tails.values()];
    for (const { tail } of entries) tail.end('shutdown');
    // One source that cannot be closed must not keep the server from its end.
    await Promise.all(
      entries.map(({ source }) => source?.close().catch((error: Error) => this.#logFailure(error))),
    );
  }

  #forget(id: string): void {
    const source = this.#tails.get(id)?.source;
    this.#tails.delete(id);
    source?.close().catch((error: Error) => this.#logFailure(error));
  }

  #logFailure(error: Error): void {
    this.#services.log(`closing a tail failed: ${error.message}`);
  }
}
