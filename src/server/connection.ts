import type { Readable, Writable } from 'node:stream';
import type { Message, NotificationMessage, RequestMessage } from 'vscode-jsonrpc';
import { shorten } from '../lib/shorten.js';
import { DEFAULT_CLI_STOP_MS, type StopTimes, stopTimes } from '../lib/stop-times.js';
import {
  type CallableMethod,
  callableMethodNames,
  isDeeperThan,
  isMethodName,
  MAX_BODY_DEPTH,
  type NotificationName,
  type NotificationParams,
  notifications,
  SidecarError,
} from '../protocol/index.js';
import { FrameError } from '../transport/frame-error.js';
import { FrameMessageReader } from '../transport/frame-message-reader.js';
import { FrameWriter } from '../transport/frame-writer.js';
import { answerableId, classify } from '../transport/message.js';
import { BatchReply, type Reply } from './batch-reply.js';
import type { CallContext, Handlers, ServerServices } from './context.js';
import { Handshake } from './handshake.js';
import { Requests } from './requests.js';
import { bodyFault, fits } from './response-text.js';
import { Responses } from './responses.js';
import { Tails } from './tails.js';

/** What a line of the log or a trace shows of a text from outside. */
const MAX_SHOWN_CHARS = 500;
/** Messages of one batch: an answer is some hundred times the shortest message, and all of them are kept. */
const MAX_BATCH_MESSAGES = 1000;
/** Answers go before logs: a tail sends only while less than this waits in the pipe. */
const TAIL_BACKLOG_BYTES = 32 * 1024;
/** Past this much that the client has not taken, no more of its requests are read until it has. */
const MAX_BACKLOG_BYTES = 32 * 1024 * 1024;

export interface ConnectionOptions {
  input: Readable;
  output: Writable;
  handlers: Handlers;
  services: ServerServices;
  /** What both sides prove to know; none asked for when absent. */
  token?: string;
  maxBodyBytes: number;
  /** How long its end waits for calls. Default: those of {@link DEFAULT_CLI_STOP_MS}. */
  stopTimes?: StopTimes;
  /** Why the connection ended by a fault, in one line. */
  onFault?(line: string): void;
}

/** Why a connection has ended. */
export type ConnectionEnd =
  | 'shutdown'
  | 'input-ended'
  | 'protocol-error'
  | 'authentication-failed'
  | 'output-failed';

/** One client on one pair of streams: reads messages, runs handlers, writes answers. */
export class Connection {
  readonly #services: ServerServices;
  readonly #writer: FrameWriter;
  readonly #input: Readable;
  readonly #reader: FrameMessageReader;
  readonly #handshake: Handshake;
  readonly #tails: Tails;
  readonly #maxBodyBytes: number;
  readonly #onFault: (line: string) => void;
  readonly #responses: Responses;
  readonly #requests: Requests;
  #draining = false;
  #trace: 'off' | 'messages' | 'verbose' = 'off';
  #end: (reason: ConnectionEnd) => void = () => {};
  #hasEnded = false;
  /** Resolves once, when nothing more will be read or answered. */
  readonly ended: Promise<ConnectionEnd>;

  constructor(options: ConnectionOptions) {
    this.#services = options.services;
    this.#onFault = options.onFault ?? options.services.log;
    if (options.token !== undefined) this.#services.redactor.learn([options.token]);
    this.#input = options.input;
    this.#maxBodyBytes = options.maxBodyBytes;
    this.#writer = new FrameWriter(options.output);
    this.#handshake = new Handshake(options.token, options.services);
    this.#tails = new Tails(options.services, {
      maxBodyBytes: options.maxBodyBytes,
      redact: (text) => this.#services.redactor.text(text),
      notify: (method, paramsJson) => this.#notifyJson(method, paramsJson),
      isIdle: () => this.#writer.backlogBytes < TAIL_BACKLOG_BYTES,
    });
    this.#responses = new Responses({
      redactor: this.#services.redactor,
      maxBodyBytes: options.maxBodyBytes,
      log: (line) => this.#services.log(line),
      onResult: (id) => this.#traceMessage('sending response', '', id),
    });
    this.#requests = new Requests({
      stopTimes: options.stopTimes ?? stopTimes(DEFAULT_CLI_STOP_MS),
      handlers: {
        ...options.handlers,
        'system.shutdown': (_, context) => this.#shutdown(context),
        'dashboard.tailLogs': (params, context) => this.#tails.open(params, context),
        'dashboard.stopTail': ({ tailId }) => this.#tails.stop(tailId),
      },
      handshake: this.#handshake,
      responses: this.#responses,
      notify: (method, params) => this.#notify(method, params),
      isIdle: () => this.#writer.backlogBytes < TAIL_BACKLOG_BYTES,
      onAnswered: (method, result) => this.#answered(method, result),
      onHandshakeFailed: (error) => this.#fail('authentication-failed', error),
    });
    this.ended = new Promise((resolve) => {
      this.#end = (reason) => {
        this.#hasEnded = true;
        resolve(reason);
      };
    });
    this.#reader = new FrameMessageReader(options.input, {
      acceptContentType: true,
      maxBodyBytes: options.maxBodyBytes,
      onBodyFault: (fault, id) => this.#responses.error(id ?? null, bodyFault(fault), this.#write),
    });
    options.output.on('drain', () => {
      options.input.resume();
      this.#tails.pump();
    });
    options.output.on('error', (error) => this.#fail('output-failed', error));
  }

  listen(): void {
    this.#reader.onError((error) => this.#fail('protocol-error', error));
    this.#reader.onClose(() => void this.#inputEnded());
    this.#reader.listen((message) => this.#receive(message));
    // Behind the reader's own listener: the answers to a chunk are counted before the next is let in.
    this.#input.on('data', () => {
      if (this.#writer.backlogBytes > MAX_BACKLOG_BYTES) this.#input.pause();
    });
  }

  /** Cancels what is in flight, ends the tails and writes out what was answered. Can be called twice. */
  async close(): Promise<void> {
    this.#hasEnded = true;
    this.#requests.cancelAll();
    await this.#tails.close();
    await this.#writer
      .drained()
      .catch((error: Error) => this.#services.log(`the client is gone: ${error.message}`));
  }

  #receive(message: Message | Message[]): void {
    if (this.#hasEnded) return;
    if (Array.isArray(message)) this.#receiveBatch(message);
    else this.#receiveOne(message, this.#write);
  }

  #receiveBatch(messages: readonly Message[]): void {
    const why = this.#refusalOfBatch(messages);
    if (why !== undefined) {
      const failure = new SidecarError('invalid-request', why, { data: { fault: 'message-invalid' } });
      this.#responses.error(null, failure, this.#write);
      return;
    }
    const batch = new BatchReply(this.#write, this.#maxBodyBytes);
    for (const message of messages) this.#receiveOne(message, batch.reserve(message));
    batch.seal();
  }

  #refusalOfBatch(messages: readonly Message[]): string | undefined {
    if (messages.length === 0 || messages.length > MAX_BATCH_MESSAGES) {
      return `A batch holds from 1 to ${MAX_BATCH_MESSAGES} messages, not ${messages.length}.`;
    }
    if (BatchReply.hasRoom(messages, this.#maxBodyBytes)) return undefined;
    return `The answers to ${messages.length} messages have no room together in ${this.#maxBodyBytes} bytes; send smaller batches.`;
  }

  readonly #write: Reply = (json, onWritten) => {
    this.#writer.write(json);
    onWritten?.();
  };

  #receiveOne(body: unknown, reply: Reply): void {
    try {
      const incoming = classify(body);
      if (incoming.kind === 'request') this.#receiveRequest(incoming.message, reply);
      else if (incoming.kind === 'notification') this.#receiveNotification(incoming.message);
      else this.#services.log('a response came, though this server sends no requests; ignored');
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      const id = answerableId((body as { id?: unknown } | null)?.id);
      this.#responses.error(id, bodyFault(error), reply);
    }
  }

  #receiveRequest({ id, method, params }: RequestMessage & { id: number | string }, reply: Reply): void {
    this.#traceMessage('received request', method, id);
    const refusal = this.#refuse(id, method, params);
    if (refusal !== undefined) {
      this.#responses.error(id, refusal, reply);
      if (this.#handshake.failed) this.#fail('authentication-failed', refusal);
      return;
    }
    if (method === 'initialize') this.#requests.initialize(id, params, reply);
    else this.#requests.run(id, method as CallableMethod, params, reply);
  }

  #refuse(id: number | string, method: string, params: unknown): SidecarError | undefined {
    const refusal = this.#requests.refusal(id);
    if (refusal !== undefined || method === 'initialize') return refusal;
    if (!this.#handshake.done) return this.#handshake.refusal(method);
    if (this.#draining)
      return new SidecarError('invalid-request', 'The server is shutting down and takes no more calls.');
    if (!isMethodName(method)) return noMethod(method);
    return isDeeperThan(params, MAX_BODY_DEPTH) ? tooDeep(method) : undefined;
  }

  /** A tail's batches follow behind the answer that names it; the answer to a shutdown is the last. */
  #answered(method: CallableMethod, result: unknown): void {
    if (method === 'dashboard.tailLogs') this.#tails.begin((result as { tailId: string }).tailId);
    if (method === 'system.shutdown') this.#end('shutdown');
  }

  #receiveNotification({ method, params }: NotificationMessage): void {
    this.#traceMessage('received notification', method);
    if (method === 'initialized') {
      this.#receiveInitialized(params);
      return;
    }
    if (!this.#handshake.done) return;
    switch (method) {
      case 'tail/credit': {
        const credit = this.#parseNotification('tail/credit', params);
        if (credit !== undefined) this.#tails.grant(credit.tailId, credit.bytes);
        return;
      }
      case '$/cancelRequest': {
        const cancel = this.#parseNotification('$/cancelRequest', params);
        if (cancel !== undefined) this.#requests.cancel(cancel.id);
        return;
      }
      case '$/setTrace': {
        const trace = this.#parseNotification('$/setTrace', params);
        if (trace !== undefined) this.#trace = trace.value;
        return;
      }
      default:
        // Nothing can be answered to a notification; those of `$/` are optional by LSP's convention.
        this.#services.log(`unknown notification ${JSON.stringify(this.#shown(method))} ignored`);
    }
  }

  #receiveInitialized(params: unknown): void {
    const proof = this.#parseNotification('initialized', params ?? {})?.proof;
    try {
      this.#handshake.initialized(proof);
    } catch (error) {
      const failure = SidecarError.from(error);
      this.#responses.error(null, failure, this.#write);
      this.#fail('authentication-failed', failure);
    }
  }

  #parseNotification<N extends NotificationName>(
    name: N,
    params: unknown,
  ): NotificationParams<N> | undefined {
    const parsed = notifications[name].params.safeParse(params);
    if (parsed.success) return parsed.data as NotificationParams<N>;
    this.#services.log(
      `notification ${name} ignored: ${parsed.error.issues[0]?.message ?? 'its params do not fit'}`,
    );
    return undefined;
  }

  /** Waits for the calls in flight, bounded, then cancels the rest; the answer to it is the last one. */
  async #shutdown(context: CallContext): Promise<{ success: true }> {
    this.#draining = true;
    // The shutdown itself is counted among the calls in flight once this function has returned its promise.
    await Promise.resolve();
    await this.#requests.drain(context);
    await this.#tails.close();
    return { success: true };
  }

  /**
   * What was read is answered, though nothing more will come: `printf … | fluorite-flake ipc`. A client that has died
   * ends its input too; that is noticed by whoever watches the parent process, or by the first answer.
   */
  async #inputEnded(): Promise<void> {
    // A shutdown on its way drains by itself, and its answer ends the connection.
    if (!this.#draining) await this.#requests.drain();
    else await this.ended;
    this.#end('input-ended');
  }

  #fail(reason: ConnectionEnd, error: Error): void {
    if (this.#hasEnded) return;
    this.#onFault(this.#services.redactor.text(`connection ended, ${reason}: ${error.message}`));
    this.#end(reason);
  }

  #notify<N extends NotificationName>(method: N, params: NotificationParams<N>): void {
    this.#notifyJson(method, JSON.stringify(params));
  }

  /** What one message has no room for is left out: nobody waits for the answer to a notification. */
  #notifyJson(method: NotificationName, paramsJson: string): void {
    const json = `{"jsonrpc":"2.0","method":"${method}","params":${paramsJson}}`;
    if (fits(json, this.#maxBodyBytes)) this.#writer.write(json);
    else this.#services.log(`a ${method} of ${json.length} characters was left out: it is over the limit`);
  }

  #shown(text: string): string {
    return shorten(this.#services.redactor.text(text), MAX_SHOWN_CHARS);
  }

  #traceMessage(what: string, method: string, id?: number | string): void {
    if (this.#trace === 'off') return;
    const subject = [method, id === undefined ? '' : `(${id})`].filter(Boolean).join(' ');
    this.#notify('$/logTrace', { message: this.#shown(`${what} ${subject}`) });
  }
}

function noMethod(method: string): SidecarError {
  const known = callableMethodNames.join(', ');
  return new SidecarError(
    'method-not-found',
    `There is no method ${JSON.stringify(method)}. There are: ${known}.`,
  );
}

function tooDeep(method: string): SidecarError {
  const why = `${method}: the params nest deeper than ${MAX_BODY_DEPTH} levels, which is what fits into one message.`;
  const data = { method, fault: 'depth-exceeded', limitLevels: MAX_BODY_DEPTH };
  return new SidecarError('invalid-params', why, { data });
}
