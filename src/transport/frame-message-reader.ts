import type { Readable } from 'node:stream';
import {
  AbstractMessageReader,
  type DataCallback,
  type Disposable,
  type Message,
  type MessageReader,
} from 'vscode-jsonrpc';
import { bodyText, parseJson } from './body.js';
import { FrameError } from './frame-error.js';
import { FrameReader, type FrameReaderOptions } from './frame-reader.js';
import { readRequestHead, readRequestId } from './message-head.js';

export interface FrameMessageReaderOptions extends Omit<FrameReaderOptions, 'onOversized'> {
  /**
   * Takes a body that is no message, with the id of its request where its first bytes tell one; the frames behind it are
   * still good, so the reader goes on. Without it such a body is an error of the reader, as a broken header is.
   */
  onBodyFault?: (error: FrameError, id: number | undefined) => void;
}

/**
 * vscode-jsonrpc's message reader over {@link FrameReader}. A batch array reaches the callback as it is.
 * After `onError` nothing more is delivered.
 */
export class FrameMessageReader extends AbstractMessageReader implements MessageReader {
  readonly #stream: Readable;
  readonly #options: FrameMessageReaderOptions;

  constructor(stream: Readable, options: FrameMessageReaderOptions = {}) {
    super();
    this.#stream = stream;
    this.#options = options;
  }

  listen(callback: DataCallback): Disposable {
    const { onBodyFault, ...options } = this.#options;
    const reader = new FrameReader(
      (bytes, start, end, text) => this.#deliver(callback, bytes, start, end, text),
      {
        ...options,
        ...(onBodyFault && {
          onOversized: (head, error) => onBodyFault(error, readRequestId(head, 0, head.length)),
        }),
      },
    );
    const onData = (chunk: Buffer) => this.#guard(() => reader.push(chunk), stop);
    const onEnd = () => {
      this.#guard(() => reader.end(), stop);
      this.fireClose();
    };
    const onError = (error: Error) => this.fireError(error);
    const stop = () => {
      this.#stream.off('data', onData).off('end', onEnd).off('error', onError);
      // A stream that is no longer read must still flow, or its end is never seen.
      this.#stream.resume();
    };
    this.#stream.on('data', onData).on('end', onEnd).on('error', onError);
    // A stream that was paused, by whoever read a token from it before, does not flow again by itself.
    this.#stream.resume();
    return { dispose: stop };
  }

  #deliver(
    callback: DataCallback,
    bytes: Buffer,
    start: number,
    end: number,
    text: string | undefined,
  ): void {
    let message: Message;
    try {
      message = parseMessage(bytes, start, end, text);
    } catch (error) {
      if (!(error instanceof FrameError) || this.#options.onBodyFault === undefined) throw error;
      this.#options.onBodyFault(error, readRequestId(bytes, start, end));
      return;
    }
    callback(message);
  }

  #guard(read: () => void, stop: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      stop();
      this.fireError(error);
    }
  }
}

/** @throws FrameError `encoding-invalid`, `json-invalid` */
function parseMessage(bytes: Buffer, start: number, end: number, text: string | undefined): Message {
  const body = bodyText(bytes, start, end, text);
  const head = readRequestHead(bytes, start, end);
  if (head !== undefined) {
    // The head is ASCII: as many characters as bytes.
    const params = tryParse(body.slice(head.paramsStart - start, -1));
    if (params !== undefined) {
      const method = body.slice(head.methodStart - start, head.methodEnd - start);
      return { jsonrpc: '2.0', id: head.id, method, params } as Message;
    }
  }
  return parseJson(body) as Message;
}

/** A value parsed from JSON; undefined when the text is none, as when more members follow the params. */
function tryParse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
