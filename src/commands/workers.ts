import { SidecarError } from '../protocol/index.js';
import { type Command, methodCommand } from './command.js';
import { decode, readStdin } from './stdin.js';
import { table } from './table.js';

const NAME = { name: 'name', description: "the Worker's name" };

const list = methodCommand({
  path: ['workers', 'list'],
  method: 'dashboard.listWorkers',
  examples: ['workers list', 'workers list --json --account local'],
  print: (workers, { print, terminal }) =>
    print(
      table(
        ['NAME', 'MODIFIED', 'COMPATIBILITY'],
        workers.map(({ name, modifiedOn, compatibilityDate }) => [name, modifiedOn, compatibilityDate]),
        terminal.width,
      ),
    ),
});

const remove = methodCommand({
  path: ['workers', 'delete'],
  method: 'dashboard.deleteWorker',
  arguments: [NAME],
  examples: ['workers delete hello'],
  deletes: (input) => `the Worker ${input.argument('name')}`,
  params: (input) => ({ name: input.argument('name') }),
  print: (_, { print }, input) => print(`Deleted the Worker ${input.argument('name')}.\n`),
});

const invoke = methodCommand({
  path: ['workers', 'invoke'],
  method: 'dashboard.invokeWorker',
  arguments: [
    NAME,
    { name: 'url', description: 'a path with its query, or a whole URL (/)', optional: true },
  ],
  options: [
    { flags: '-X, --method <name>', description: 'the HTTP method (GET, or POST with a body)' },
    { flags: '-H, --header <name: value>', description: 'a request header', repeatable: true },
    { flags: '--body <text>', description: 'the request body' },
    { flags: '--body-stdin', description: 'take the request body from stdin' },
    { flags: '-i, --include', description: 'print status and headers before the body' },
  ],
  examples: [
    'workers invoke hello',
    "workers invoke hello '/notes/1?full=yes' -X PUT --body 'a note' -i",
    'workers invoke hello /upload -X POST --body-stdin < picture.png',
  ],
  async params(input, { signal }) {
    const fromStdin = input.flag('bodyStdin') ? await readStdin('body', signal) : undefined;
    const body = input.text('body');
    if (fromStdin && body !== undefined) {
      throw new SidecarError('invalid-option', '--body and --body-stdin exclude each other.');
    }
    return {
      name: input.argument('name'),
      url: input.optionalArgument('url'),
      method: input.text('method') ?? (fromStdin || body !== undefined ? 'POST' : undefined),
      headers: input.pairs('header', ':'),
      body: fromStdin?.text ?? body,
      bodyEncoding: fromStdin?.encoding,
    };
  },
  async print({ status, headers, body, bodyEncoding }, { print, note }, input) {
    if (input.flag('include')) {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`);
      await print(`${status}\n${lines.join('')}\n`);
    }
    await print(decode(body, bodyEncoding));
    if (status >= 500)
      note(`\nstatus ${status}: what the Worker threw is seen by \`tail ${input.argument('name')}\``);
  },
});

export const workersCommands: readonly Command[] = [list, invoke, remove];
