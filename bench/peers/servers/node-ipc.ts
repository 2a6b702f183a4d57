import { ping } from '../echo.js';
import type { Message } from '../pending.js';

process.on('message', (message: Message) => {
  process.send?.({ id: message.id, result: ping(message.params) });
});
process.on('disconnect', () => process.exit(0));
