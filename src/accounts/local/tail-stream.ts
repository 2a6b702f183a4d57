import type { TailSink } from '../account.js';

/**
 * A tail as a stream of lines: an event is its JSON as it is, anything else is `!` and JSON.
 * Both sides of the local API use it, in one process and over the socket alike.
 */
type Control =
  | { dropped: number }
  | { gap: string | null }
  | { end: Parameters<TailSink['end']>[0]; error?: { code: string; message: string } };

/** What a slow reader may leave lying; what comes on top is dropped and counted. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/**
 * A sink whose events come out as a stream.
 * @param onCancel called when the reader goes away.
 */
export function tailToStream(onCancel: () => void): { sink: TailSink; stream: ReadableStream<Uint8Array> } {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let dropped = 0;
  let lines: string[] = [];
  let scheduled = false;

  // Events of one tick leave as one chunk.
  function flush(): void {
    scheduled = false;
    if (!controller || lines.length === 0) return;
    controller.enqueue(encoder.encode(`${lines.join('\n')}\n`));
    lines = [];
  }
  function write(line: string): void {
    lines.push(line);
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(flush);
  }
  function control(message: Control): void {
    write(`!${JSON.stringify(message)}`);
  }

  function tellDropped(): void {
    if (dropped > 0) control({ dropped });
    dropped = 0;
  }

  const sink: TailSink = {
    push(eventJson) {
      if (!controller) return;
      if ((controller.desiredSize ?? 0) <= 0) {
        dropped += 1;
        return;
      }
      tellDropped();
      write(eventJson);
    },
    dropped(count) {
      dropped += count;
      if (controller && (controller.desiredSize ?? 0) > 0) tellDropped();
    },
    gap(eventJson) {
      if (!controller) return;
      tellDropped();
      control({ gap: eventJson ?? null });
    },
    end(reason, error) {
      if (!controller) return;
      tellDropped();
      control({ end: reason, ...(error && { error }) });
      flush();
      controller.close();
      controller = undefined;
    },
  };
  const stream = new ReadableStream<Uint8Array>(
    {
      start(started) {
        controller = started;
      },
      // The reader has room again: it may be long until the next event.
      pull: tellDropped,
      cancel() {
        controller = undefined;
        onCancel();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: MAX_BUFFERED_BYTES }),
  );
  return { sink, stream };
}

/**
 * Reads such a stream into a sink.
 * @returns true when the stream said why it ended, false when it was cut off.
 */
export async function streamToSink(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  sink: TailSink,
): Promise<boolean> {
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return false;
    const text = rest + decoder.decode(value, { stream: true });
    let from = 0;
    for (let to = text.indexOf('\n', rest.length); to >= 0; to = text.indexOf('\n', from)) {
      if (deliver(text.slice(from, to), sink)) return true;
      from = to + 1;
    }
    rest = text.slice(from);
  }
}

/** @returns whether the line was the end. */
function deliver(line: string, sink: TailSink): boolean {
  if (!line.startsWith('!')) {
    sink.push(line);
    return false;
  }
  const message = JSON.parse(line.slice(1)) as Control;
  if ('dropped' in message) {
    sink.dropped(message.dropped);
    return false;
  }
  if ('gap' in message) {
    sink.gap(message.gap ?? undefined);
    return false;
  }
  sink.end(message.end, message.error);
  return true;
}
