import type { MethodDefinition } from '../../src/protocol/define-method.js';
import { ERROR_CODES, type ErrorCode } from '../../src/protocol/errors.js';
import { methods } from '../../src/protocol/methods.js';
import { commentsBefore, readContract } from './comments.js';

const HEAD = `# Errors

Generated from \`src/protocol/errors.ts\` by \`npm run docs\`.

Every failure of the library, the server and the command line is a \`SidecarError\`:

| property | |
|---|---|
| \`code\` | one of the codes below; stable, match on it |
| \`message\` | for people: what failed, what arrived, what to do; may change |
| \`data\` | details, JSON; what Cloudflare answered is in \`data.cloudflare\` as \`{status, errors: [{code, message}]}\` |
| \`cause\` | the error below it, where there is one; it does not cross the wire |
| \`name\` | \`SidecarError\`, or \`AbortError\` with the code \`cancelled\` |

\`\`\`js
import { SidecarError } from 'fluorite-flake/tauri';

try {
  await sidecar.call('dashboard.deleteR2Bucket', { name: 'photos' });
} catch (error) {
  if (error instanceof SidecarError && error.code === 'not-empty') console.log('Empty it first.');
  else throw error;
}
\`\`\`

On the wire an error is JSON-RPC's \`{code, message, data}\`: \`code\` is the number below, the string is \`data.code\`. The
command line prints \`error: <message> (<code>)\`, with \`--json\` the same as JSON, and exits 1 (2 for a wrong command line).
A token or key is never part of an error.
`;

const MANY = 18;

/** The text of `docs/errors.md`. */
export function errorReference(): string {
  const parts = [HEAD];
  const source = readContract('errors.ts');
  const comments = commentsBefore(source, String.raw`'?([\w-]+)'?: -\d+`);
  for (const [heading, codes] of sections(source)) {
    parts.push(`## ${heading}\n`);
    for (const code of codes) parts.push(codeText(code, comments.get(code)));
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

function codeText(code: ErrorCode, comment: string | undefined): string {
  if (comment === undefined) throw new Error(`The error code ${code} has no comment.`);
  const users = Object.entries(methods)
    .filter(([, { errors }]: [string, MethodDefinition]) => errors.includes(code))
    .map(([name]) => `\`${name}\``);
  const every = users.length > MANY ? 'every method that asks the account' : users.join(', ');
  return [
    `### \`${code}\`\n`,
    `${comment} JSON-RPC ${ERROR_CODES[code]}.\n`,
    ...(users.length > 0 ? [`Of: ${every}.\n`] : []),
  ].join('\n');
}

/** The codes below each `// heading` of the table, in its order. */
function sections(source: string): [string, ErrorCode[]][] {
  const found: [string, ErrorCode[]][] = [];
  const table = source.slice(source.indexOf('ERROR_CODES = {'), source.indexOf('} as const'));
  for (const line of table.split('\n')) {
    const heading = /^ {2}\/\/ (.+)$/.exec(line)?.[1];
    if (heading !== undefined) found.push([heading, []]);
    const code = /^ {2}'?([\w-]+)'?: -\d+,$/.exec(line)?.[1];
    if (code !== undefined && Object.hasOwn(ERROR_CODES, code)) found.at(-1)?.[1].push(code as ErrorCode);
  }
  return found;
}
