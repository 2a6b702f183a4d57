import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

/** Delivers what was posted to `port` until now: a message on another port may have overtaken it. */
export function drainPort<T>(port: MessagePort, onMessage: (message: T) => void): void {
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: T } | undefined;
    if (received === undefined) return;
    onMessage(received.message);
  }
}
