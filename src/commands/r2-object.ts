import { resolve } from 'node:path';
import { SidecarError } from '../protocol/index.js';
import { type Command, methodCommand } from './command.js';
import { decode, readStdin } from './stdin.js';
import { bytes, table } from './table.js';

const BUCKET = { name: 'bucket', description: "the bucket's name" };
const KEY = { name: 'key', description: "the object's key" };

const list = methodCommand({
  path: ['r2', 'object', 'list'],
  method: 'r2.listObjects',
  arguments: [BUCKET],
  options: [
    { flags: '--prefix <text>', description: 'only keys that begin with this' },
    { flags: '--delimiter <text>', description: 'show keys up to this once, as folders are' },
    { flags: '--limit <n>', description: 'at most so many, up to 1000' },
    { flags: '--cursor <text>', description: 'go on behind the page that gave this cursor' },
  ],
  examples: ['r2 object list photos', 'r2 object list photos --prefix 2026/ --delimiter /'],
  params: (input) => ({
    bucket: input.argument('bucket'),
    prefix: input.text('prefix'),
    delimiter: input.text('delimiter'),
    limit: input.number('limit'),
    cursor: input.text('cursor'),
  }),
  async print({ items, prefixes, cursor }, { print, note, terminal }) {
    const rows = [
      ...(prefixes ?? []).map((prefix) => ['', '', prefix]),
      ...items.map(({ key, size, lastModified }) => [bytes(size), lastModified, key]),
    ];
    await print(table(['SIZE', 'MODIFIED', 'KEY'], rows, terminal.width));
    if (cursor !== undefined) note(`more: --cursor ${cursor}`);
  },
});

const get = methodCommand({
  path: ['r2', 'object', 'get'],
  method: 'r2.getObject',
  summary: 'Reads an object to stdout or into a file.',
  arguments: [BUCKET, KEY],
  options: [{ flags: '--file <path>', description: 'write it there instead of to stdout' }],
  examples: ['r2 object get photos 2026/cat.jpg --file cat.jpg', 'r2 object get photos notes.txt'],
  params: (input, { cwd }) => ({
    bucket: input.argument('bucket'),
    key: input.argument('key'),
    path: filePath(cwd, input.text('file')),
  }),
  async print({ body, bodyEncoding, path, size }, { print, note }) {
    if (body !== undefined) await print(decode(body, bodyEncoding));
    if (path !== undefined) note(`Wrote ${bytes(size)} to ${path}.`);
  },
});

const put = methodCommand({
  path: ['r2', 'object', 'put'],
  method: 'r2.putObject',
  summary: 'Writes an object from a file or from stdin.',
  arguments: [BUCKET, KEY],
  options: [
    { flags: '--file <path>', description: 'read it from there instead of from stdin' },
    { flags: '--content-type <type>', description: 'sent back when the object is read, as all of these are' },
    { flags: '--content-disposition <text>', description: 'such as attachment' },
    { flags: '--content-encoding <text>', description: 'such as gzip' },
    { flags: '--content-language <text>', description: 'such as en' },
    { flags: '--cache-control <text>', description: 'such as max-age=60' },
    { flags: '--metadata <name=value>', description: 'custom metadata', repeatable: true },
  ],
  examples: [
    'r2 object put photos 2026/cat.jpg --file cat.jpg --content-type image/jpeg',
    'r2 object put photos notes.txt < notes.txt',
  ],
  async params(input, { cwd, signal }) {
    const path = filePath(cwd, input.text('file'));
    const value = path === undefined ? await readStdin('object', signal) : undefined;
    const httpMetadata = {
      contentType: input.text('contentType'),
      contentDisposition: input.text('contentDisposition'),
      contentEncoding: input.text('contentEncoding'),
      contentLanguage: input.text('contentLanguage'),
      cacheControl: input.text('cacheControl'),
    };
    return {
      bucket: input.argument('bucket'),
      key: input.argument('key'),
      path,
      body: value?.text,
      bodyEncoding: value?.encoding,
      httpMetadata: Object.values(httpMetadata).some(Boolean) ? httpMetadata : undefined,
      customMetadata: input.pairs('metadata', '='),
    };
  },
  print: ({ object }, { print }) => print(`Wrote ${object.key}, ${bytes(object.size)}.\n`),
});

const remove = methodCommand({
  path: ['r2', 'object', 'delete'],
  method: 'r2.deleteObject',
  arguments: [BUCKET, KEY],
  examples: ['r2 object delete photos 2026/cat.jpg', 'r2 object delete photos -- -odd-key'],
  deletes: (input) => `the object ${input.argument('key')} of the bucket ${input.argument('bucket')}`,
  params: (input) => ({ bucket: input.argument('bucket'), key: input.argument('key') }),
  print: (_, { print }, input) => print(`Deleted ${input.argument('key')}.\n`),
});

/** `--file` as the contract takes it: an absolute path. @throws SidecarError `invalid-option` for an empty one. */
export function filePath(cwd: string, file: string | undefined): string | undefined {
  if (file === '') throw new SidecarError('invalid-option', '--file takes a path.');
  return file === undefined ? undefined : resolve(cwd, file);
}

export const r2ObjectCommands: readonly Command[] = [list, get, put, remove];
