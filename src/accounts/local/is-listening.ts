import { once } from 'node:events';
import { connect } from 'node:net';

/** Whether somebody listens on a socket. Nothing is sent to it. */
export async function isListening(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return false;
    if (code === 'EAGAIN') return true; // Its queue is full: somebody does listen.
    throw error;
  } finally {
    socket.destroy();
  }
}
