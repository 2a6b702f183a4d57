import { ROOM_BACKLOG, type TailSink } from '../accounts/account.js';
import { shorten } from '../lib/shorten.js';
import { isTextDeeperThan, MAX_DEPTH, type NotificationParams } from '../protocol/index.js';
import { CreditWindow } from '../transport/credit-window.js';

/** Events of one batch, in characters of JSON; small enough that an answer never waits long behind one. */
const BATCH_LENGTH = 32 * 1024;
/** Events kept for a consumer that has no room, in characters of JSON; past it the oldest are dropped. */
const QUEUE_LENGTH = 1024 * 1024;
/** What a client that never grants credit gets a second, after its first window. */
const UNCREDITED_BYTES_PER_SECOND = 64 * 1024;

/** Stands among the queued events where some may be missing; told by an event where there is one. */
interface Gap {
  readonly event?: string;
}

/** Bytes of a `tail/batch` around its events, at most. */
const ENVELOPE_BYTES = 256;
/** What is told of the error that ended a tail. */
const MAX_MESSAGE_CHARS = 4096;
/** `{params: {events: []}}` around an event. */
const ENVELOPE_LEVELS = 3;

export interface TailChannel {
  /** The largest body the client takes. */
  readonly maxBodyBytes: number;
  /** Takes secrets out of a text. */
  redact(text: string): string;
  /** Sends a notification whose params are given as JSON text. */
  notify(method: 'tail/batch' | 'tail/end', paramsJson: string): void;
  /** False while answers wait in the pipe: logs give way to them. */
  isIdle(): boolean;
}

/**
 * One tail of one connection: a bounded queue between the account, which pushes, and the client, which grants credit.
 * What does not fit is dropped, oldest first, and counted; the next batch says how many.
 */
export class Tail implements TailSink {
  readonly id: string;
  readonly #channel: TailChannel;
  readonly #onEnd: () => void;
  readonly #window = new CreditWindow();
  #queue: (string | Gap)[] = [];
  /** A gap that had to make room: it stands before all that is queued. */
  #firstGap: Gap | undefined;
  #head = 0;
  #queuedLength = 0;
  #dropped = 0;
  #seq = 0;
  #state: 'opening' | 'open' | 'ended' = 'opening';
  #scheduled = false;
  #onRoom: (() => void) | undefined;
  #credited = false;
  #allowance: NodeJS.Timeout | undefined;
  #pendingEnd: Omit<NotificationParams<'tail/end'>, 'tailId' | 'dropped'> | undefined;

  constructor(id: string, channel: TailChannel, onEnd: () => void) {
    this.id = id;
    this.#channel = channel;
    this.#onEnd = onEnd;
  }

  get backlogLength(): number {
    return this.#queuedLength;
  }

  whenRoom(then: () => void): void {
    this.#onRoom = then;
    this.#schedule();
  }

  /** The client knows the tail's id now: batches may leave. */
  begin(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    if (this.#pendingEnd === undefined) this.#schedule();
    else this.#finish();
  }

  push(eventJson: string): void {
    if (this.#state === 'ended' || this.#pendingEnd !== undefined) return;
    if (!this.#fits(eventJson)) {
      this.dropped(1);
      return;
    }
    this.#queue.push(eventJson);
    this.#queuedLength += eventJson.length;
    while (this.#queuedLength > QUEUE_LENGTH) this.#dropOldest();
    this.#schedule();
  }

  dropped(count: number): void {
    this.#dropped += count;
    this.#schedule();
  }

  gap(event?: string): void {
    if (this.#state === 'ended' || this.#pendingEnd !== undefined) return;
    const last = this.#queue.at(-1);
    // Nothing between two gaps: one tells as much.
    if (typeof last === 'object' && this.#head < this.#queue.length) {
      this.#queue.pop();
      this.#queuedLength -= lengthOf(last);
    }
    const gap: Gap = event !== undefined && this.#fits(event) ? { event } : {};
    this.#queue.push(gap);
    this.#queuedLength += lengthOf(gap);
    while (this.#queuedLength > QUEUE_LENGTH) this.#dropOldest();
    this.#schedule();
  }

  end(reason: NotificationParams<'tail/end'>['reason'], error?: { code: string; message: string }): void {
    if (this.#state === 'ended' || this.#pendingEnd !== undefined) return;
    this.#pendingEnd = { reason, error };
    if (this.#state === 'open') this.#finish();
    else this.#schedule();
  }

  /** The consumer has room for `bytes` more. */
  grant(bytes: number): void {
    this.#credited = true;
    clearInterval(this.#allowance);
    this.#allowance = undefined;
    this.#window.grant(bytes);
    this.#schedule();
  }

  /** Sends what window and pipe have room for; called again when the pipe has drained. */
  pump(): void {
    if (this.#state !== 'open') return;
    while (this.#waits && this.#window.open && this.#channel.isIdle()) this.#sendBatch();
    if (this.#waits && !this.#window.open && !this.#credited) this.#startAllowance();
    if (this.#queuedLength <= ROOM_BACKLOG) this.#tellRoom();
    if (this.#pendingEnd !== undefined) this.#finish();
  }

  /** A drop waits too: nobody knows whether another event follows. */
  get #waits(): boolean {
    return this.#head < this.#queue.length || this.#firstGap !== undefined || this.#dropped > 0;
  }

  #tellRoom(): void {
    const then = this.#onRoom;
    this.#onRoom = undefined;
    then?.();
  }

  #schedule(): void {
    if (this.#scheduled || this.#state !== 'open') return;
    this.#scheduled = true;
    // After the I/O of this turn: events that come together leave together, and answers leave first.
    setImmediate(() => {
      this.#scheduled = false;
      this.pump();
    });
  }

  #sendBatch(): void {
    const gap = this.#takeGap();
    if (gap === undefined) this.#send(this.#takeEvents());
    else this.#sendGap(gap);
  }

  #takeGap(): Gap | undefined {
    const first = this.#firstGap ?? this.#queue[this.#head];
    if (typeof first !== 'object') return undefined;
    if (this.#firstGap === undefined) {
      this.#head++;
      this.#queuedLength -= lengthOf(first);
    }
    this.#firstGap = undefined;
    return first;
  }

  /** As many as one batch holds, up to the next gap, joined; none when only a drop is to be told. */
  #takeEvents(): string {
    const from = this.#head;
    let length = 0;
    // A character is at most three bytes, and a comma stands between two events.
    const maxLength = Math.min(BATCH_LENGTH, (this.#channel.maxBodyBytes - ENVELOPE_BYTES) / 4);
    while (this.#head < this.#queue.length) {
      const next = this.#queue[this.#head];
      if (typeof next !== 'string' || (length > 0 && length + next.length > maxLength)) break;
      length += next.length;
      this.#head++;
    }
    const events = this.#queue.slice(from, this.#head).join(',');
    this.#queuedLength -= length;
    this.#compact();
    return events;
  }

  #sendGap({ event }: Gap): void {
    if (event === undefined) this.#send('', '"gap":"owner-changed",');
    else this.#send(event);
  }

  #send(joinedEvents: string, gapMember = ''): void {
    const events = `[${joinedEvents}]`;
    this.#window.spend(Buffer.byteLength(events));
    const dropped = this.#takeDropped();
    // In this order of members, which the library's worker recognises without parsing.
    this.#channel.notify(
      'tail/batch',
      `{"tailId":"${this.id}","seq":${this.#seq++},"dropped":${dropped},${gapMember}"events":${events}}`,
    );
  }

  /** Whether there is room for the event in the queue, and for a batch of it alone at the client. */
  #fits(eventJson: string): boolean {
    if (eventJson.length > QUEUE_LENGTH || isTextDeeperThan(eventJson, MAX_DEPTH - ENVELOPE_LEVELS))
      return false;
    const maxBytes = this.#channel.maxBodyBytes - ENVELOPE_BYTES;
    return eventJson.length * 3 <= maxBytes || Buffer.byteLength(eventJson) <= maxBytes;
  }

  #dropOldest(): void {
    const oldest = this.#queue[this.#head] as string | Gap;
    this.#queuedLength -= lengthOf(oldest);
    this.#head++;
    if (typeof oldest === 'string') this.#dropped++;
    else this.#firstGap = oldest;
    this.#compact();
  }

  /** Forgets the sent part of the queue once it is the larger part; amortised constant time. */
  #compact(): void {
    if (this.#head < 1024 && this.#head < this.#queue.length) return;
    if (this.#head * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  #takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** A client that knows nothing of credits (any LSP-style one) gets the newest events at a bounded rate. */
  #startAllowance(): void {
    if (this.#allowance !== undefined) return;
    this.#allowance = setInterval(() => {
      this.#window.grant(UNCREDITED_BYTES_PER_SECOND);
      this.pump();
    }, 1000).unref();
  }

  /** Sends what the window still has room for, counts the rest, says why it is over. */
  #finish(): void {
    const pendingEnd = this.#pendingEnd;
    if (pendingEnd === undefined) return;
    const hasMore = () => this.#head < this.#queue.length || this.#firstGap !== undefined;
    while (hasMore() && this.#window.open) this.#sendBatch();
    // Room or not, a gap is told.
    while (this.#head < this.#queue.length) this.#dropOldest();
    if (this.#firstGap !== undefined) this.#sendGap(this.#firstGap);
    const dropped = this.#takeDropped();
    this.#state = 'ended';
    this.#queue = [];
    this.#head = 0;
    clearInterval(this.#allowance);
    const { reason, error } = pendingEnd;
    const end = { tailId: this.id, dropped, reason, ...(error && { error: this.#shown(error) }) };
    this.#channel.notify('tail/end', JSON.stringify(end));
    this.#onEnd();
  }

  /** An end is always told, however long the message of its error. */
  #shown({ code, message }: { code: string; message: string }): { code: string; message: string } {
    // A character is at most six in JSON.
    const maxChars = Math.min(MAX_MESSAGE_CHARS, Math.floor(this.#channel.maxBodyBytes / 10));
    return { code, message: shorten(this.#channel.redact(message), maxChars) };
  }
}

function lengthOf(entry: string | Gap): number {
  return typeof entry === 'string' ? entry.length : (entry.event?.length ?? 0);
}
