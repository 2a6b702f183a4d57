import { parentPort } from 'node:worker_threads';
import { ping } from '../echo.js';
import type { Message } from '../pending.js';

parentPort?.on('message', (message: Message) => {
  parentPort?.postMessage({ id: message.id, result: ping(message.params) });
});
