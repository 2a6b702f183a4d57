import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileFilter } from '../../../src/accounts/local/tail-filter.js';

const event = (change: object = {}) =>
  JSON.stringify({
    scriptName: 'w',
    outcome: 'ok',
    eventTimestamp: 1,
    logs: [{ level: 'log', message: ['hello', { who: 'world' }], timestamp: 1 }],
    exceptions: [],
    event: { request: { url: 'http://w/', method: 'GET', headers: { 'x-a': '1' } } },
    ...change,
  });

test('without filters nothing is parsed', () => {
  assert.equal(compileFilter({ workerName: 'w' }), undefined);
});

test('every filter must match', () => {
  const cases: [object, object, boolean][] = [
    [{ status: ['ok'] }, {}, true],
    [{ status: ['error'] }, {}, false],
    [{ status: ['error'] }, { outcome: 'exceededCpu' }, true],
    [{ status: ['canceled', 'error'] }, { outcome: 'canceled' }, true],
    [{ method: ['get'] }, {}, true],
    [{ method: ['POST'] }, {}, false],
    [{ method: ['GET'] }, { event: null }, false],
    [{ search: 'ello' }, {}, true],
    [{ search: 'world' }, {}, true],
    [{ search: 'mars' }, {}, false],
    [{ headers: [{ key: 'X-A' }] }, {}, true],
    [{ headers: [{ key: 'x-a', query: '1' }] }, {}, true],
    [{ headers: [{ key: 'x-a', query: '2' }] }, {}, false],
    [{ headers: [{ key: 'x-b' }] }, {}, false],
    [{ clientIp: ['self'] }, {}, true],
    [{ clientIp: ['1.2.3.4'] }, {}, false],
    [{ status: ['ok'], method: ['POST'] }, {}, false],
  ];
  for (const [filters, change, expected] of cases) {
    const filter = compileFilter({ workerName: 'w', ...filters });
    assert.equal(filter?.(event(change)), expected, JSON.stringify(filters));
  }
});

test('an event that nests too deep to be searched passes, for the sink to count', () => {
  const filter = compileFilter({ workerName: 'w', search: 'mars' });
  const nested = (depth: number) => `${'['.repeat(depth)}"hello"${']'.repeat(depth)}`;
  const deep = (depth: number) => event().replace('"hello"', nested(depth));
  assert.deepEqual(
    [10, 200, 300, 100_000].map((depth) => filter?.(deep(depth))),
    [false, false, true, true],
  );
});

test('sampling takes the share it is told, without parsing', () => {
  const draws = [0.1, 0.3, 0.5, 0.24];
  const filter = compileFilter({ workerName: 'w', samplingRate: 0.25 }, () => draws.shift() ?? 1);
  assert.deepEqual(
    Array.from({ length: 4 }, () => filter?.('not even JSON')),
    [true, false, false, true],
  );
});
