import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { judgeAfter } from '../lib/time.js';
import { SidecarError } from '../protocol/index.js';

const MAX_TOKEN_BYTES = 64 * 1024;
const WAIT_MS = 10_000;

/** The token that the parent wrote into the pipe `fd`, up to its end. @throws SidecarError `invalid-option` */
export async function readTokenFromFd(fd: number): Promise<string> {
  let pipe: Socket;
  try {
    pipe = new Socket({ fd, readable: true, writable: false });
  } catch (cause) {
    throw new SidecarError('invalid-option', `--auth-fd ${fd}: no pipe is open there.`, { cause });
  }
  try {
    const token = await collect(pipe, undefined);
    return checkToken(token.text, `--auth-fd ${fd}`);
  } finally {
    pipe.destroy();
  }
}

/** The token that stands in the first line of `input`; what follows stays in the stream. @throws SidecarError */
export async function readTokenLine(input: Readable): Promise<string> {
  const { text, rest } = await collect(input, '\n');
  if (rest.length > 0) input.unshift(rest);
  return checkToken(text.replace(/\r$/, ''), '--auth-stdin');
}

function checkToken(token: string, option: string): string {
  if (token !== '') return token;
  throw new SidecarError('invalid-option', `${option}: the token is empty.`);
}

function collect(stream: Readable, until: string | undefined): Promise<{ text: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const finish = (settle: () => void) => {
      timer.clear();
      stream.off('data', onData).off('end', onEnd).off('error', onError);
      stream.pause();
      settle();
    };
    const fail = (message: string) => finish(() => reject(new SidecarError('invalid-option', message)));
    const timer = judgeAfter(WAIT_MS, () => fail(`No token came within ${WAIT_MS / 1000} s.`));
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      const all = Buffer.concat(chunks);
      const end = until === undefined ? -1 : all.indexOf(until);
      if (end !== -1)
        finish(() => resolve({ text: all.toString('utf8', 0, end), rest: all.subarray(end + 1) }));
      else if (all.length > MAX_TOKEN_BYTES) fail(`The token is longer than ${MAX_TOKEN_BYTES} bytes.`);
    };
    const onEnd = () =>
      finish(() => resolve({ text: Buffer.concat(chunks).toString('utf8'), rest: Buffer.alloc(0) }));
    const onError = (error: Error) => fail(`The token could not be read: ${error.message}.`);
    stream.on('data', onData).on('end', onEnd).on('error', onError);
  });
}
