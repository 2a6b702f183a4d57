/** How many bytes of a tail may be on the way before its consumer has to grant more. */
export const TAIL_WINDOW_BYTES = 256 * 1024;

/** The flow control of one stream: its sender may send as long as the window is open. */
export class CreditWindow {
  #bytes: number;
  readonly #maxBytes: number;

  constructor(initialBytes = TAIL_WINDOW_BYTES, maxBytes = 16 * initialBytes) {
    this.#bytes = initialBytes;
    this.#maxBytes = maxBytes;
  }

  /** Bytes that may still be sent; below zero when the last batch was larger than the window. */
  get availableBytes(): number {
    return this.#bytes;
  }

  get open(): boolean {
    return this.#bytes > 0;
  }

  spend(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** The consumer has room for more. A grant past the maximum does not add up: a consumer cannot lift the bound. */
  grant(bytes: number): void {
    this.#bytes = Math.min(this.#bytes + bytes, this.#maxBytes);
  }
}
