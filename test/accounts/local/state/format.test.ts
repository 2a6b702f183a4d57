import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as z from 'zod';
import {
  FORMAT,
  newState,
  readState,
  type Slices,
  writeState,
} from '../../../../src/accounts/local/state/format.js';
import { StateProblem } from '../../../../src/accounts/local/state/problem.js';
import { seal } from '../../../../src/accounts/local/state/sealed.js';
import type { OldData } from '../../../../src/accounts/local/state/slice.js';
import { SLICES } from '../../../../src/accounts/local/state.js';

const kindOf = (read: () => unknown): string => {
  try {
    read();
    return 'read';
  } catch (error) {
    assert.ok(error instanceof StateProblem, `${error}`);
    return error.kind;
  }
};

// A product as it might grow: at first notes, then tags too, then notes with a title.
const notes = z.array(z.looseObject({ text: z.string() }));
const first: Slices<{ notes: { notes: { text: string }[] } }> = {
  notes: { empty: () => ({ notes: [] }), migrations: [], schema: () => z.looseObject({ notes }) },
};
const withTags = (before: OldData) => ({ ...before, tags: [] });
const withTitles = (before: OldData) => ({
  ...before,
  notes: before.notes.map((note: OldData) => ({ title: '', ...note })),
});
type Grown = { notes: { notes: { text: string; title: string }[]; tags: string[] } };
const grown: Slices<Grown> = {
  notes: {
    empty: () => ({ notes: [], tags: [] }),
    migrations: [withTags, withTitles],
    schema: () =>
      z.looseObject({
        notes: z.array(z.looseObject({ text: z.string(), title: z.string() })),
        tags: z.array(z.string()),
      }),
  },
};

test('a new list and a new member break no directory of before, and the older version refuses in words', () => {
  const old = { ...newState(first), notes: { notes: [{ text: 'one' }] } };
  const opened = readState(grown, writeState(first, old));
  assert.deepEqual(opened.notes, { notes: [{ title: '', text: 'one' }], tags: [] });
  assert.equal(opened.createdOn, old.createdOn);
  const text = writeState(grown, opened);
  assert.deepEqual(readState(grown, text), opened);
  assert.throws(() => readState(first, text), {
    kind: 'newer',
    message: /the part "notes" in version 3; this fluorite-flake knows versions up to 1/,
  });
});

test('a step of a migration that meets what its version never had is told as damage', () => {
  const body = { createdOn: '', slices: { notes: { version: 2, data: { notes: 5 } } } };
  assert.throws(() => readState(grown, seal(FORMAT, body)), {
    kind: 'damaged',
    message: /not of its version 2/,
  });
});

test('what a newer version put beside the known parts is kept as it is', () => {
  const body = JSON.parse(
    `{"createdOn":"","later":[1],"slices":{"__proto__":{"version":9},"d1":{"version":7,"data":{"a":[null]}},"notes":{"version":1,"data":{"notes":[{"text":"a","colour":"red","__proto__":5}]}}}}`,
  );
  const state = readState(first, seal(FORMAT, body));
  state.notes.notes.push({ text: 'b' });
  const again = JSON.parse(writeState(first, structuredClone(state)).split('\n')[1] ?? '');
  body.slices.notes.data.notes.push({ text: 'b' });
  assert.deepEqual(again, body);
  assert.ok(
    Object.hasOwn(again.slices, '__proto__') && Object.hasOwn(again.slices.notes.data.notes[0], '__proto__'),
  );
});

test('a part that came later than the file is empty', () => {
  const state = readState(grown, seal(FORMAT, { createdOn: '', slices: {} }));
  assert.deepEqual(state.notes, { notes: [], tags: [] });
});

test('a newer format is refused as such, whatever stands behind its header', () => {
  for (const text of [
    seal(FORMAT + 1, {}),
    `{"format":${FORMAT + 1}}\nanything`,
    '{"format":99,"sha256":""}',
  ])
    assert.equal(
      kindOf(() => readState(SLICES, text)),
      'newer',
      text,
    );
});

const FIXTURE = readFileSync(new URL('../fixtures/format-1/state.jsonl', import.meta.url), 'utf8');

/** Every place in some JSON, as the path to it. */
function* placesOf(value: unknown, path: readonly (string | number)[] = []): Generator<(string | number)[]> {
  if (path.length > 0) yield [...path];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value))
    yield* placesOf(member, [...path, Array.isArray(value) ? Number(key) : key]);
}

function changed(
  body: unknown,
  path: readonly (string | number)[],
  change: (holder: OldData, key: string | number) => void,
) {
  const copy = structuredClone(body);
  const holder = path.slice(0, -1).reduce<OldData>((inner, key) => inner[key], copy);
  change(holder, path.at(-1) ?? '');
  return copy;
}

const OTHERS = [undefined, null, 5, -1.5, '', '../../canary', [], {}, [null], true];

test('a sealed state of any other shape is refused or can be written again, and nothing else happens', () => {
  const format2 = writeState(SLICES, readState(SLICES, FIXTURE));
  let refused = 0;
  let taken = 0;
  for (const [format, text] of [
    [1, FIXTURE],
    [2, format2],
  ] as const) {
    const body: unknown = JSON.parse(text.split('\n')[1] ?? '');
    for (const [place, path] of [...placesOf(body)].entries()) {
      // By turns: all of them everywhere say no more and take long.
      for (const other of OTHERS.filter((_, index) => (place + index) % 5 === 0)) {
        const text = seal(
          format,
          changed(body, path, (holder, key) => {
            holder[key] = other;
          }),
        );
        try {
          const state = readState(SLICES, text);
          // Who reads it can write it, and reads the same again.
          assert.deepEqual(readState(SLICES, writeState(SLICES, state)), state);
          taken += 1;
        } catch (error) {
          assert.ok(error instanceof StateProblem, `${path.join('.')}: ${error}`);
          refused += 1;
        }
      }
    }
  }
  assert.ok(refused > 300 && taken > 100, `${refused} refused, ${taken} taken`);
});

test('no name in a state leads out of a folder', () => {
  const body = JSON.parse(FIXTURE.split('\n')[1] ?? '');
  const names = [
    '../../canary',
    '..',
    '.',
    '/etc/passwd',
    'a/b',
    'a\0b',
    '',
    `${'0'.repeat(63)}/`,
    'A'.repeat(64),
  ];
  const places = [
    ['workers', 0, 'versions', 0, 'modules', 0, 'sha256'],
    ['kvNamespaces', 0, 'id'],
    ['r2Buckets', 0, 'name'],
    ['workers', 0, 'name'],
  ];
  for (const place of places) {
    for (const name of names) {
      const text = seal(
        1,
        changed(body, place, (holder, key) => {
          holder[key] = name;
        }),
      );
      assert.equal(
        kindOf(() => readState(SLICES, text)),
        'damaged',
        `${place.join('.')}: ${name}`,
      );
    }
  }
});

test('a file that is cut, flipped, doubled or of another program is refused', () => {
  const texts = [
    '',
    '\n',
    '5\n5\n',
    'null\nnull\n',
    'null\n{}\n',
    '[]\n[]\n',
    '\0'.repeat(1000),
    `\ufeff${FIXTURE}`,
    FIXTURE.replaceAll('\n', '\r\n'),
    FIXTURE + FIXTURE,
    `${FIXTURE}x`,
    ...[0, '1', -1, 1.5, null, true, {}, undefined].map((format) => seal(format as number, {})),
    ...[null, [], 5, 'x', {}, { createdOn: '' }, { createdOn: '', slices: [] }].map((body) =>
      seal(FORMAT, body),
    ),
    seal(FORMAT, { createdOn: '', slices: { workers: [] } }),
    seal(FORMAT, { createdOn: '', slices: { workers: { version: 0, data: {} } } }),
    `${JSON.stringify({ format: FORMAT })}\n{}\n`,
  ];
  for (let at = 0; at < FIXTURE.length; at += 61) {
    texts.push(FIXTURE.slice(0, at));
    const flipped = String.fromCharCode(FIXTURE.charCodeAt(at) ^ 1);
    texts.push(FIXTURE.slice(0, at) + flipped + FIXTURE.slice(at + 1));
  }
  for (const text of texts) {
    // A flipped bit of the number may make a newer format of it.
    const kind = kindOf(() => readState(SLICES, text));
    assert.ok(
      kind === 'damaged' || (kind === 'newer' && !text.startsWith('{"format":1,')),
      `${kind}: ${text.slice(0, 90)}`,
    );
  }
});

test('what could not be read again is not written', () => {
  const state = readState(SLICES, FIXTURE);
  for (const spoil of [
    (one: OldData) => (one.workers.scripts[0].versions[0].compatibilityDate = 20260101),
    (one: OldData) => (one.workers.scripts[0].versions[0].message = { a: 1 }),
    (one: OldData) => (one.workers.scripts[0].versions[0].bindings[0].name = undefined),
    (one: OldData) => (one.workers.scripts[0].versions[0].compatibilityFlags = [null]),
    (one: OldData) => one.r2.buckets.push(one.r2.buckets[0]),
  ]) {
    const spoilt = structuredClone(state);
    spoil(spoilt);
    assert.equal(
      kindOf(() => writeState(SLICES, spoilt)),
      'damaged',
    );
  }
});
