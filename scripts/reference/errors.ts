import type { MethodDefinition } from '../../src/protocol/define-method.js';
import { ERRORS, type ErrorCode, type ErrorRow } from '../../src/protocol/error-table.js';
import { methods } from '../../src/protocol/methods.js';
import { commentsBefore, readContract } from './comments.js';

const HEAD = `# Errors

Generated from \`src/protocol/error-table.ts\` by \`npm run docs\`.

Every failure of the library, the server and the command line is a \`SidecarError\`:

| property | |
|---|---|
| \`code\` | one of the codes below; stable, match on it |
| \`message\` | for people: what failed, what arrived, what to do; may change |
| \`data\` | details, JSON; what Cloudflare answered is in \`data.cloudflare\` as \`{status, errors: [{code, message}]}\` |
| \`cause\` | the error below it, where there is one; it does not cross the wire |
| \`stack\` | names who awaits the call, up to Node's \`Error.stackTraceLimit\`; a \`catch()\` that nobody awaits is not seen by V8 |
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
  const source = readContract('error-table.ts');
  const comments = commentsBefore(source, String.raw`'?([\w-]+)'?: row\(`);
  for (const [heading, codes] of sections(source)) {
    parts.push(`## ${heading}\n`);
    for (const code of codes) parts.push(codeText(code, comments.get(code)));
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

function codeText(code: ErrorCode, comment: string | undefined): string {
  if (comment === undefined) throw new Error(`The error code ${code} has no comment.`);
  const { number, httpStatus, exitCode, anyCall, advice }: ErrorRow = ERRORS[code];
  const users = Object.entries(methods)
    .filter(([, { errors }]: [string, MethodDefinition]) => errors.includes(code))
    .map(([name]) => `\`${name}\``);
  const every = users.length > MANY ? 'every method that asks the account' : users.join(', ');
  return [
    `### \`${code}\`\n`,
    `${[comment, advice].filter(Boolean).join(' ')}\n`,
    `JSON-RPC ${number}, HTTP ${httpStatus} of \`local api\`, exit code ${exitCode}.\n`,
    ...(anyCall ? ['Of: any call.\n'] : users.length > 0 ? [`Of: ${every}.\n`] : []),
  ].join('\n');
}

/** The codes below each `// heading` of the table, in its order. */
function sections(source: string): [string, ErrorCode[]][] {
  const found: [string, ErrorCode[]][] = [];
  const table = source.slice(source.indexOf('ERRORS = {'), source.indexOf('} as const'));
  for (const line of table.split('\n')) {
    const heading = /^ {2}\/\/ (.+)$/.exec(line)?.[1];
    if (heading !== undefined) found.push([heading, []]);
    const code = /^ {2}'?([\w-]+)'?: row\(/.exec(line)?.[1];
    if (code !== undefined && Object.hasOwn(ERRORS, code)) found.at(-1)?.[1].push(code as ErrorCode);
  }
  return found;
}
