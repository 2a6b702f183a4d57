import assert from 'node:assert/strict';
import { test } from 'node:test';
import Cloudflare, { type APIError } from 'cloudflare';
import { ApiError, failed, throwCarried } from '../../../src/accounts/local/envelope.js';
import { ERRORS, type ErrorCode, SidecarError } from '../../../src/protocol/index.js';

const codes = Object.keys(ERRORS) as ErrorCode[];

/** How often the official SDK, with its own retries, sends what is answered like this, and what it ends with. */
async function sentBySdk(answer: () => Response): Promise<{ count: number; error: APIError }> {
  let count = 0;
  const client = new Cloudflare({
    apiToken: 'token',
    baseURL: 'http://local/client/v4',
    fetch: async () => {
      count++;
      return answer();
    },
  });
  const error = await client.kv.namespaces.create({ account_id: 'a', title: 't' }).then(
    () => assert.fail('it succeeded'),
    (thrown: APIError) => thrown,
  );
  return { count, error };
}

test('no failure of ours is repeated by the official SDK, whatever its code', async () => {
  for (const code of codes) {
    const { count, error } = await sentBySdk(() => failed(new SidecarError(code, `for ${code}`)));
    assert.deepEqual([code, count, error.status], [code, 1, expectedStatus(code)]);
    if (code !== 'script-invalid') assert.equal(error.errors[0]?.message, `for ${code}`);
  }
  for (const status of [404, 408, 409, 413, 429]) {
    const { count } = await sentBySdk(() => failed(new ApiError(status, 10001, 'refused')));
    assert.deepEqual([status, count], [status, 1]);
  }
});

test('only a defect of ours has a status that wrangler repeats', () => {
  const repeated = codes.filter((code) => ERRORS[code].httpStatus >= 500);
  assert.deepEqual(repeated, ['internal-error']);
  assert.equal(failed(new TypeError('a defect')).status, 500);
});

test('an error arrives behind an answer as it was, and cut where its header would be too large', async () => {
  const error = new SidecarError('workerd-failed', 'it ended', { data: { stderr: ['a', 'ü'] } });
  await assert.rejects(throwCarried(failed(error)), {
    code: error.code,
    message: 'it ended',
    data: error.data,
  });
  for (const large of [
    new SidecarError('workerd-failed', 'it ended', { data: { stderr: ['x'.repeat(100_000)] } }),
    new SidecarError('workerd-failed', 'ü'.repeat(100_000)),
  ]) {
    const answer = failed(large);
    const bytes = [...answer.headers].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    assert.ok(bytes < 16 * 1024, `${bytes} bytes of headers`);
    await assert.rejects(throwCarried(answer), { code: 'workerd-failed' });
  }
});

/** The runtime's refusal of a script is told as Cloudflare tells it. */
function expectedStatus(code: ErrorCode): number {
  return code === 'script-invalid' ? 400 : ERRORS[code].httpStatus;
}
