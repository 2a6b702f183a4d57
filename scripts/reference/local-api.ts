import { localRoutes } from '../../src/accounts/local/api/index.js';
import { tailRoutes } from '../../src/accounts/local/served-routes.js';

const START = '<!-- routes, written by npm run docs -->';
const END = '<!-- end of routes -->';

/** docs/local-api.md with its table of routes written anew. */
export function withRouteTable(page: string): string {
  const start = page.indexOf(START);
  const end = page.indexOf(END);
  if (start === -1 || end < start) throw new Error(`The page has no "${START}" followed by "${END}".`);
  return `${page.slice(0, start)}${START}\n\n${routeTable()}\n\n${page.slice(end)}`;
}

/** Every route that is served, one path a line. */
function routeTable(): string {
  const paths = new Map<string, string[]>();
  for (const [key, { effect }] of Object.entries({ ...localRoutes, ...tailRoutes })) {
    const [method = '', path = ''] = key.split(' ');
    // What processes of our own ask each other is no part of the API.
    if (path.startsWith('/local/')) continue;
    const shown = path.replace('/accounts/:account/', '…/').replace('*', '');
    paths.set(shown, [...(paths.get(shown) ?? []), effect === 'write' ? `**${method}**` : method]);
  }
  const rows = [...paths].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '| path | methods |',
    '|---|---|',
    ...rows.map(([path, methods]) => `| \`${path}\` | ${methods.join(', ')} |`),
  ].join('\n');
}
