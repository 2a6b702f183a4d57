import { SidecarError } from '../protocol/index.js';
import { type Command, methodCommand } from './command.js';
import type { Session } from './session.js';
import { table } from './table.js';

export const NAMESPACE = { name: 'namespace', description: "the namespace's id or title" };

const list = methodCommand({
  path: ['kv', 'namespace', 'list'],
  method: 'dashboard.listKvNamespaces',
  examples: ['kv namespace list'],
  print: (namespaces, { print, terminal }) =>
    print(
      table(
        ['ID', 'TITLE'],
        namespaces.map(({ id, title }) => [id, title]),
        terminal.width,
      ),
    ),
});

const create = methodCommand({
  path: ['kv', 'namespace', 'create'],
  method: 'dashboard.createKvNamespace',
  arguments: [{ name: 'title', description: "the namespace's title" }],
  examples: ['kv namespace create sessions'],
  params: (input) => ({ title: input.argument('title') }),
  print: ({ namespace }, { print }) =>
    print(`Created the namespace ${namespace.title} with the id ${namespace.id}.\n`),
});

const remove = methodCommand({
  path: ['kv', 'namespace', 'delete'],
  method: 'dashboard.deleteKvNamespace',
  arguments: [NAMESPACE],
  examples: ['kv namespace delete sessions', 'kv namespace delete 0123456789abcdef0123456789abcdef'],
  deletes: (input) => `the namespace ${input.argument('namespace')} with all its keys`,
  params: async (input, session) => ({ id: await namespaceId(session, input.argument('namespace')) }),
  print: (_, { print }, input) => print(`Deleted the namespace ${input.argument('namespace')}.\n`),
});

/** @throws SidecarError `not-found` when no namespace has this title. */
export async function namespaceId(session: Session, idOrTitle: string): Promise<string> {
  if (/^[0-9a-f]{32}$/.test(idOrTitle)) return idOrTitle;
  const namespaces = await session.call('dashboard.listKvNamespaces', {});
  const found = namespaces.find(({ title }) => title === idOrTitle);
  if (found) return found.id;
  throw new SidecarError(
    'not-found',
    `No KV namespace has the id or title ${JSON.stringify(idOrTitle)}; \`kv namespace list\` shows them.`,
  );
}

export const kvNamespaceCommands: readonly Command[] = [list, create, remove];
