import type { MethodDefinition } from '../../src/protocol/define-method.js';
import type { ErrorCode } from '../../src/protocol/errors.js';
import { methods } from '../../src/protocol/methods.js';
import { notifications } from '../../src/protocol/notifications.js';
import { commentsBefore, readContract } from './comments.js';
import {
  constraintText,
  type JsonSchema,
  jsonSchema,
  namedShapes,
  shapeSchema,
  typeText,
} from './json-schema.js';

const HEAD = `# Methods

Every call of the contract, generated from \`src/protocol\` by \`npm run docs\`. The same table is the source of the
library's types, the server's validation, \`rpc.discover\` (an OpenRPC document) and the command line's \`--json\`.

- Params are one object; unknown keys are refused (\`invalid-params\`). Params left out count as \`{}\`.
- *Safe to repeat* means: when the CLI dies with the call in flight, the library sends it again after the restart.
  Any other call that was in flight rejects at once as \`indeterminate\`.
- A server that was started read-only (\`ipc --read-only\`, the library's option \`readOnly\`) refuses the methods that change
  something with [\`read-only\`](errors.md#read-only); a dry run of a deploy is not refused.
- *Timeout* is how long the library waits unless \`call(method, params, {timeout})\` says otherwise.
- Beside the errors listed, any call can end with \`invalid-params\`, \`internal-error\`, \`cancelled\`, \`timeout\`,
  \`not-running\`, \`connection-lost\`, \`indeterminate\`, \`overloaded\` or \`result-too-large\`: see [errors](errors.md).
- Names such as \`workerName\` are [shapes](#shapes), below.
`;

const ACCOUNT_LINK = '[those of the account](errors.md#the-account)';
const FIELD = String.raw`(\w+):`;
const GROUPS: readonly [string, string][] = [
  ['initialize', 'Handshake'],
  ['system.', 'System'],
  ['rpc.', 'System'],
  ['dashboard.', 'Dashboard'],
  ['r2.', 'R2 objects'],
  ['kv.', 'KV keys'],
  ['project.', 'Projects'],
];

/** The text of `docs/methods.md`. */
export function methodReference(): string {
  const parts = [HEAD];
  let group: string | undefined;
  for (const [name, definition] of Object.entries(methods)) {
    const next = GROUPS.find(([prefix]) => name.startsWith(prefix))?.[1];
    if (next !== group) parts.push(`## ${next}\n`);
    group = next;
    parts.push(methodText(name, definition));
  }
  parts.push(notificationsText(), shapesText());
  return `${parts.join('\n').trimEnd()}\n`;
}

/** The method table of the README, without its head. */
export function methodTable(): string {
  const rows = Object.entries(methods)
    .filter(([name]) => name !== 'initialize')
    .map(([name, { summary, params }]: [string, MethodDefinition]) => {
      const given = typeText(jsonSchema(params, 'input'));
      const names = Object.keys(jsonSchema(params, 'input').properties ?? {});
      const required = jsonSchema(params, 'input').required ?? [];
      const list = names.map((field) => (required.includes(field) ? field : `${field}?`)).join(', ');
      return `| [\`${name}\`](docs/methods.md#${anchor(name)}) | ${given === '{}' ? '' : `\`${list}\``} | ${cell(summary)} |`;
    });
  return ['| method | params | what it does |', '|---|---|---|', ...rows].join('\n');
}

function methodText(
  name: string,
  { summary, params, result, errors, repeatable, effect, timeoutMs }: MethodDefinition,
): string {
  const text = [`### \`${name}\`\n`, `${cell(summary)}\n`];
  const fields = fieldTable(jsonSchema(params, 'input'), fieldComments(name, 'params'));
  text.push(fields === '' ? 'No params.\n' : `${fields}\n`);
  text.push(
    `Result:\n\n\`\`\`ts\n${resultText(jsonSchema(result, 'output'), fieldComments(name, 'result'))}\n\`\`\`\n`,
  );
  if (errors.length > 0) text.push(`Errors: ${errorLinks(errors)}.\n`);
  const changes = effect === 'write' ? 'Changes something: refused when read-only. ' : '';
  text.push(`${changes}${repeatable ? 'Safe' : 'Not safe'} to repeat. Timeout ${timeoutMs / 1000} s.\n`);
  return text.join('\n');
}

/** What every method of the account can fail with is one link. */
function errorLinks(errors: readonly ErrorCode[]): string {
  const common: readonly ErrorCode[] = methods['dashboard.listWorkers'].errors;
  const hasCommon = common.every((code) => errors.includes(code));
  const own = hasCommon ? errors.filter((code) => !common.includes(code)) : errors;
  const links = own.map((code) => `[\`${code}\`](errors.md#${code})`);
  return [...links, ...(hasCommon ? [ACCOUNT_LINK] : [])].join(', ');
}

function fieldTable(schema: JsonSchema, comments: ReadonlyMap<string, string>): string {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return '';
  const rows = fields.map(([name, field]) => {
    const required = schema.required?.includes(name) ? '' : '?';
    const notes = [comments.get(name), sentence(constraintText(field)), defaultText(field)].filter(Boolean);
    return `| \`${name}${required}\` | ${code(typeText(field))} | ${cell(notes.join(' '))} |`;
  });
  return ['| param | type | |', '|---|---|---|', ...rows].join('\n');
}

function defaultText({ default: value }: JsonSchema): string {
  return value === undefined ? '' : `Default: \`${JSON.stringify(value)}\`.`;
}

function sentence(words: string): string {
  return words === '' ? '' : `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

/** An object of several fields has a line for each. */
function resultText(schema: JsonSchema, comments: ReadonlyMap<string, string>): string {
  const fields = Object.entries(schema.properties ?? {});
  if (schema.type !== 'object' || fields.length < 2) return typeText(schema);
  const lines = fields.flatMap(([name, field]) => {
    const comment = comments.get(name);
    const line = `  ${name}${schema.required?.includes(name) ? '' : '?'}: ${typeText(field)};`;
    return comment === undefined ? [line] : [`  /** ${comment} */`, line];
  });
  return `{\n${lines.join('\n')}\n}`;
}

function notificationsText(): string {
  const comments = commentsBefore(readContract('notifications.ts'), `'?([$/\\w]+)'?: notification\\(`);
  const rows = Object.entries(notifications).map(([name, { direction, params }]) => {
    const own = comments.get(name);
    const way = direction.replaceAll('-', ' ').replace('both', 'both ways');
    return `| \`${name}\` | ${way} | ${code(typeText(jsonSchema(params, 'output')))} | ${cell(own ?? '')} |`;
  });
  return ['## Notifications\n', '| notification | way | params | |', '|---|---|---|---|', ...rows, ''].join(
    '\n',
  );
}

function shapesText(): string {
  const source = readContract('resources.ts');
  const comments = commentsBefore(source, String.raw`export const (\w+) =`);
  const parts = ['## Shapes\n'];
  for (const name of namedShapes.keys()) {
    const schema = shapeSchema(name);
    const options = schema.oneOf ?? schema.anyOf;
    const type =
      options === undefined
        ? resultText(schema, shapeComments(source, name))
        : options.map((one) => `| ${typeText(one)}`).join('\n');
    const comment = comments.get(name);
    parts.push(
      `### \`${name}\`\n`,
      ...(comment === undefined ? [] : [`${cell(comment)}\n`]),
      `\`\`\`ts\n${type}\n\`\`\`\n`,
    );
  }
  return parts.join('\n');
}

/** The comments of the fields of a method's params or result. */
function fieldComments(name: string, part: 'params' | 'result'): Map<string, string> {
  const isHandshake = name === 'initialize';
  const source = readContract(isHandshake ? 'handshake.ts' : 'methods.ts');
  const method = source.slice(source.indexOf(`${isHandshake ? name : `'${name}'`}: method(`));
  const result = method.indexOf('    result:');
  const text =
    part === 'params' ? method.slice(0, result) : method.slice(result, method.indexOf('    repeatable:'));
  return commentsBefore(text, FIELD);
}

/** The comments of the fields of a named shape. */
function shapeComments(source: string, name: string): Map<string, string> {
  const start = source.indexOf(`export const ${name} =`);
  return commentsBefore(source.slice(start, source.indexOf('\n);', start)), FIELD);
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function cell(text: string): string {
  return text.replaceAll(/(?<!\\)\|/g, '\\|').replace(/^./, (first) => first.toUpperCase());
}

function anchor(name: string): string {
  return name.toLowerCase().replaceAll('.', '');
}
