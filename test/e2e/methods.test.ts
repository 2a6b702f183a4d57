import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type CallableMethod, callableMethodNames, SidecarError } from '../../src/protocol/index.js';
import { badParams } from '../support/bad-params.js';
import { importLibrary } from '../support/built.js';
import { assertListed } from '../support/listed-errors.js';
import { type CaseWorld, METHOD_CASES, type MethodCase } from '../support/method-cases.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { WireBench, type WireCli, type WireMessage } from '../support/wire-cli.js';

const { TauriSidecar } = await importLibrary();
const folder = temporaryFolder();
const world: CaseWorld = { folder, namespaceId: '0'.repeat(32), tailId: 'none' };
const sidecar = new TauriSidecar({ account: 'local', stateDir: join(folder, 's'), cwd: folder });
const faults: unknown[] = [];
for (const event of ['ipc-error', 'process-error', 'error', 'restart-failed'] as const) {
  sidecar.on(event, (fault: unknown) => faults.push([event, fault]));
}
const call = sidecar.call.bind(sidecar) as (
  method: string,
  params?: unknown,
  options?: unknown,
) => Promise<unknown>;
await sidecar.start();
const { pid } = sidecar;
const bench = new WireBench();
after(async () => {
  await sidecar.stop();
  await bench.close();
});

const cases = Object.entries(METHOD_CASES) as [CallableMethod, MethodCase<CallableMethod>][];

describe('every method, from the library through the worker to the CLI and its own handlers', () => {
  for (const [method, { valid, check, refused }] of cases.filter(([name]) => name !== 'system.shutdown')) {
    it(`${method} is carried out`, async () => {
      check((await call(method, valid(world))) as never, world);
    });
    for (const [code, at] of (refused?.(world) ?? []).map(([code], at) => [code, at] as const)) {
      it(`${method} refuses with ${code}, which the contract lists (${at + 1})`, async () => {
        const params = refused?.(world)[at]?.[1];
        const error = await failureOf(call(method, params));
        assert.equal(error.code, code, error.message);
        assertListed(method, error);
      });
    }
  }

  it('refuses params that do not fit with invalid-params, on this side and on the other', async () => {
    const cli = await bench.startReady();
    let count = 0;
    for (const [method, { valid }] of cases) {
      for (const [what, params] of badParams(method, valid(world))) {
        const error = await failureOf(call(method, params));
        assert.equal(error.code, 'invalid-params', `${method}, ${what}: ${error.message}`);
        assert.ok(error.message.startsWith(`${method}: `), error.message);
        const answer = await cli.call(++count, method, params);
        const code = answer.error?.code;
        assert.ok(code === -32602 || code === -32600, `${method}, ${what}: ${JSON.stringify(answer)}`);
      }
    }
    assert.ok(count > 300, `only ${count} were tried`);
  });

  it('refuses what is no call: unknown methods, other options, an aborted signal', async () => {
    for (const method of ['dashboard.nothing', 'initialize', '__proto__', 'toString', '']) {
      assert.equal((await failureOf(call(method))).code, 'method-not-found', method);
    }
    for (const method of callableMethodNames) {
      const params = METHOD_CASES[method].valid(world);
      assert.equal((await failureOf(call(method, params, { timeout: -1 }))).code, 'invalid-option', method);
      const signal = AbortSignal.abort();
      assert.equal((await failureOf(call(method, params, { signal }))).code, 'cancelled', method);
    }
  });

  it('ends with no other errors where workerd, or the state directory, is missing', async () => {
    const worlds = [
      { env: { FLUORITE_FLAKE_WORKERD: join(folder, 'nowhere') } },
      { args: ['--state-dir', '/dev/null/none'] },
      { args: ['--account', 'local', '--read-only'] },
    ];
    for (const options of worlds) {
      const cli = await bench.startReady(options);
      for (const [method, { valid }] of cases.filter(([name]) => name !== 'system.shutdown')) {
        const { error } = await answerTo(cli, method, valid(world));
        if (error !== undefined) assertListed(method, SidecarError.fromWire(error));
      }
    }
  });

  it('has been one process all the time, without a fault, and shuts down when asked', async () => {
    assert.deepEqual([faults, sidecar.pid], [[], pid]);
    const { valid, check } = METHOD_CASES['system.shutdown'];
    check((await sidecar.call('system.shutdown', valid(world))) as never, world);
    await sidecar.stop();
    assert.deepEqual([faults, sidecar.getState()], [[], 'stopped']);
  });
});

/** The answer to a call, whatever is notified on the way. */
async function answerTo(cli: WireCli, method: string, params: unknown): Promise<WireMessage> {
  cli.request(method, method, params);
  for (;;) {
    const message = await cli.inbox.next();
    if (message.id === method) return message;
  }
}

async function failureOf(work: Promise<unknown>): Promise<SidecarError> {
  return work.then(
    (result) => assert.fail(`it succeeded: ${JSON.stringify(result)}`),
    (error: SidecarError) => error,
  );
}
