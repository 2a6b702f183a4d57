import { methodTable } from './methods.js';

const START = '<!-- methods, written by npm run docs -->';
const END = '<!-- end of methods -->';

/** The README with its method table written anew. */
export function withMethodTable(readme: string): string {
  const start = readme.indexOf(START);
  const end = readme.indexOf(END);
  if (start === -1 || end < start) throw new Error(`The README has no "${START}" followed by "${END}".`);
  return `${readme.slice(0, start)}${START}\n\n${methodTable()}\n\n${readme.slice(end)}`;
}
