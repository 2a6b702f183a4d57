import { SidecarError } from '../protocol/index.js';
import { type Command, methodCommand } from './command.js';
import { NAMESPACE, namespaceId } from './kv-namespace.js';
import { filePath } from './r2-object.js';
import { decode, readStdin } from './stdin.js';
import { table } from './table.js';

const KEY = { name: 'key', description: 'the key' };

const list = methodCommand({
  path: ['kv', 'key', 'list'],
  method: 'kv.listKeys',
  arguments: [NAMESPACE],
  options: [
    { flags: '--prefix <text>', description: 'only keys that begin with this' },
    { flags: '--limit <n>', description: 'at most so many, from 10 to 1000' },
    { flags: '--cursor <text>', description: 'go on behind the page that gave this cursor' },
  ],
  examples: ['kv key list sessions', 'kv key list sessions --prefix user: --json'],
  params: async (input, session) => ({
    namespaceId: await namespaceId(session, input.argument('namespace')),
    prefix: input.text('prefix'),
    limit: input.number('limit'),
    cursor: input.text('cursor'),
  }),
  async print({ items, cursor }, { print, note, terminal }) {
    const rows = items.map(({ name, expiration, metadata, metadataOmitted }) => [
      name,
      expiration === undefined ? '' : new Date(expiration * 1000).toISOString(),
      metadataOmitted ? '(nests too deep)' : metadata === undefined ? '' : JSON.stringify(metadata),
    ]);
    await print(table(['KEY', 'EXPIRES', 'METADATA'], rows, terminal.width));
    if (cursor !== undefined) note(`more: --cursor ${cursor}`);
  },
});

const get = methodCommand({
  path: ['kv', 'key', 'get'],
  method: 'kv.get',
  summary: 'Reads a value to stdout or into a file.',
  arguments: [NAMESPACE, KEY],
  options: [{ flags: '--file <path>', description: 'write it there instead of to stdout' }],
  examples: ['kv key get sessions user:1', 'kv key get sessions picture --file picture.png'],
  params: async (input, session) => ({
    namespaceId: await namespaceId(session, input.argument('namespace')),
    key: input.argument('key'),
    path: filePath(session.cwd, input.text('file')),
  }),
  async print({ value, valueEncoding, path }, { print, note }) {
    if (value !== undefined) await print(decode(value, valueEncoding));
    if (path !== undefined) note(`Wrote it to ${path}.`);
  },
});

const put = methodCommand({
  path: ['kv', 'key', 'put'],
  method: 'kv.put',
  summary: 'Writes a value from the command line, a file or stdin.',
  arguments: [
    NAMESPACE,
    KEY,
    { name: 'value', description: 'the value (never a secret: use --file or stdin)', optional: true },
  ],
  options: [
    { flags: '--file <path>', description: 'read the value from there' },
    { flags: '--ttl <seconds>', description: 'seconds until the key expires, at least 60' },
    { flags: '--expiration <seconds>', description: 'when the key expires, in seconds since 1970' },
    { flags: '--metadata <json>', description: 'JSON kept with the key, at most 1,024 bytes' },
  ],
  examples: [
    'kv key put sessions user:1 active --ttl 3600',
    'kv key put sessions user:1 < value.json',
    'kv key put sessions offset -- -1',
  ],
  async params(input, session) {
    const path = filePath(session.cwd, input.text('file'));
    const given = input.optionalArgument('value');
    if (given !== undefined && path !== undefined) {
      throw new SidecarError('invalid-option', 'A value and --file exclude each other.');
    }
    const read =
      given === undefined && path === undefined ? await readStdin('value', session.signal) : undefined;
    return {
      namespaceId: await namespaceId(session, input.argument('namespace')),
      key: input.argument('key'),
      path,
      value: given ?? read?.text,
      valueEncoding: read?.encoding,
      expirationTtl: input.number('ttl'),
      expiration: input.number('expiration'),
      metadata: input.json('metadata'),
    };
  },
  print: (_, { print }, input) => print(`Wrote ${input.argument('key')}.\n`),
});

const remove = methodCommand({
  path: ['kv', 'key', 'delete'],
  method: 'kv.delete',
  arguments: [NAMESPACE, KEY],
  examples: ['kv key delete sessions user:1', 'kv key delete sessions -- -odd-key'],
  deletes: (input) => `the key ${input.argument('key')} of the namespace ${input.argument('namespace')}`,
  params: async (input, session) => ({
    namespaceId: await namespaceId(session, input.argument('namespace')),
    key: input.argument('key'),
  }),
  print: (_, { print }, input) => print(`Deleted ${input.argument('key')}.\n`),
});

export const kvKeyCommands: readonly Command[] = [list, get, put, remove];
