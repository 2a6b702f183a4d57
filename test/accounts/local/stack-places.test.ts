import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Script } from 'node:vm';
import fc from 'fast-check';
import { replacePlaces } from '../../../src/accounts/local/stack-places.js';

/** Each throws in another kind of frame. */
const THROWERS = [
  `(() => { function f() { throw new Error('m.....'); } f(); })()`,
  `throw new Error('m.....')`,
  `new (class K { constructor() { throw new Error('m.....'); } })()`,
  `({ 'odd (name': () => { throw new Error('m.....'); } })['odd (name']()`,
  `({ method() { throw new Error('m.....'); } }).method.call({ other: 1 })`,
  `[1].map(function () { throw new Error('m.....'); })`,
  `eval("(function inner() { throw new Error('m.....'); })()")`,
  `eval("eval('throw new Error(\\\\'m.....\\\\')')")`,
  `new Function("throw new Error('m.....')")()`,
  `(async () => { await 1; throw new Error('m.....'); })()`,
  `(async () => { await Promise.all([1, (async () => { await 1; throw new Error('m.....'); })()]); })()`,
  `(async function outer() { await (async function inner() { await 1; throw new Error('m.....'); })(); })()`,
];
const PLAIN = 'plain.js';

let made = 100_000;

/** V8's own words about an error that was thrown in a file of that name. */
async function stackIn(file: string, code: string): Promise<string> {
  // V8 keeps code that it has compiled, with the name of the file that asked for it first.
  const fresh = code.replace('m.....', `${made++}`);
  try {
    await new Script(fresh, { filename: file }).runInThisContext({ displayErrors: false });
  } catch (error) {
    return (error as Error).stack ?? '';
  }
  throw new assert.AssertionError({ message: 'it threw nothing' });
}

const part = fc.oneof(
  fc.constantFrom(
    ' ',
    '(',
    ')',
    ' (',
    ') ',
    ':',
    ':1',
    ':2:3',
    '%20',
    '#',
    '?',
    'async ',
    'at ',
    'new ',
    '<anonymous>',
  ),
  fc.constantFrom('eval at ', 'a', 'b.js', '/', 'é', '日', '$&', '\\', 'Object.', 'file:///', ', '),
);
const fileName = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts) => `${parts.join('')}.js`);

const moved = ({ line, column }: { line: number; column: number }, file: string) => ({
  file,
  line: line + 100,
  column: column + 100,
});

test('in frames of every kind the place is found, whatever the file is called', async () => {
  const plain = await Promise.all(THROWERS.map((code) => stackIn(PLAIN, code)));
  const check = async (name: string, others: string[]) => {
    const known = new Map([...others, name].map((file) => [file, file === name ? 'MAPPED' : 'WRONG']));
    for (const [at, code] of THROWERS.entries()) {
      const stack = await stackIn(name, code);
      const expected = replacePlaces(plain[at] ?? '', new Map([[PLAIN, 'MAPPED']]), moved);
      assert.match(expected, /MAPPED:101:1\d\d/);
      assert.equal(framesOf(replacePlaces(stack, known, moved)), framesOf(expected), `${name}: ${stack}`);
    }
  };
  await fc.assert(
    fc.asyncProperty(fileName, (name) => check(name, [])),
    { numRuns: 60 },
  );
  // A name that ends another one, or begins it, takes nothing of it.
  for (const name of ['x (a.js', 'b a.js', 'async a.js', 'js', 'a.js:1:2.js'])
    await check(name, ['a.js', 's']);
});

/** Without the frames of this test, which differ by who asked. */
function framesOf(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => /MAPPED|WRONG/.test(line))
    .join('\n');
}

test('a long stack that its author made up is read to its end', () => {
  const known = new Map([['a.js', 'MAPPED']]);
  const parts = [' (', ':1:1)', ' ', '(a.js:1', 'at ', ':1', '    at a.js:1:1', '1'];
  for (const text of parts.map((part) => part.repeat(100_000))) {
    for (const stack of [text, `    at ${text}`, `    at f (${text}:1:1)`, `${text} (a.js:1:1)`]) {
      assert.ok(replacePlaces(stack, known, moved).length >= stack.length);
    }
  }
});
