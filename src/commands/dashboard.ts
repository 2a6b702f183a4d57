import { methodCommand } from './command.js';
import { table } from './table.js';

export const dashboardCommand = methodCommand({
  path: ['dashboard'],
  method: 'dashboard.getData',
  summary: 'Shows what the account holds: Workers, buckets, namespaces, deployments.',
  examples: ['dashboard', 'dashboard --json --account local'],
  async print(data, { print, note, terminal }) {
    for (const { product, code, message } of data.errors) note(`warning: ${product}: ${message} (${code})`);
    const sections: [string, readonly string[], (string | number | undefined)[][]][] = [
      ['Workers', ['NAME', 'MODIFIED'], data.workers.map(({ name, modifiedOn }) => [name, modifiedOn])],
      [
        'R2 buckets',
        ['NAME', 'CREATED'],
        data.r2Buckets.map(({ name, creationDate }) => [name, creationDate]),
      ],
      ['KV namespaces', ['ID', 'TITLE'], data.kvNamespaces.map(({ id, title }) => [id, title])],
      ['Durable Objects', ['ID', 'NAME'], data.durableObjects.map(({ id, name }) => [id, name])],
      [
        'Deployments',
        ['WORKER', 'CREATED', 'MESSAGE'],
        data.deployments.map(({ workerName, createdOn, message }) => [workerName, createdOn, message]),
      ],
    ];
    for (const [title, headings, rows] of sections) {
      await print(`${terminal.style('bold', title)} (${rows.length})\n`);
      if (rows.length > 0) await print(table(headings, rows, terminal.width));
    }
  },
});
