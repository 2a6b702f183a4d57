// What lies in a state directory is input: anybody's program, an old version, a backup may have put it there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type FileIdentity, identify } from '../../../src/accounts/local/file-identity.js';
import { SharedApi } from '../../../src/accounts/local/shared-api.js';
import { ownRecord } from '../../../src/accounts/local/workerd/process-record.js';
import { SidecarError } from '../../../src/protocol/index.js';
import { noRuntime, temporaryFolder } from './fixture.js';

const SOCKET = 's-0123456789abcdef';
const create = () =>
  new Request('http://local/accounts/x/storage/kv/namespaces', {
    method: 'POST',
    body: JSON.stringify({ title: 'secret' }),
  });

/** Every connection that this process makes. */
const connections: object[] = [];
const { connect } = Socket.prototype;
before(() => {
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    connections.push(args);
    return connect.apply(this, args as Parameters<typeof connect>);
  } as typeof connect;
});
after(() => {
  Socket.prototype.connect = connect;
});

interface Stage {
  stateDir: string;
  canary: string;
  /** A server of somebody else's, outside the state directory. */
  outside: string;
  /** One in the folder for sockets, under a name such as ours. */
  inside: string;
  directory: FileIdentity;
}

/** What the servers were sent. */
const received: string[] = [];

async function listen(t: TestContext, path: string): Promise<void> {
  const server: Server = createServer((request, response) => {
    received.push(`${request.method} ${request.url}`);
    request.on('data', (chunk) => received.push(String(chunk)));
    response.setHeader('content-type', 'application/json');
    response.end('{"success":true,"errors":[],"messages":[],"result":[]}');
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
}

async function stage(t: TestContext): Promise<Stage> {
  const folder = await temporaryFolder(t);
  const stateDir = join(folder, 'state');
  for (const name of ['lock', 'run']) mkdirSync(join(stateDir, name), { recursive: true, mode: 0o700 });
  const canary = join(folder, 'canary');
  writeFileSync(canary, 'precious');
  const [outside, inside] = [join(folder, SOCKET), join(stateDir, 'run', SOCKET)];
  await listen(t, outside);
  const directory = (await identify(stateDir)) as FileIdentity;
  return { stateDir, canary, outside, inside, directory };
}

const open = (stateDir: string) =>
  new SharedApi({
    stateDir,
    log: () => {},
    createRuntime: noRuntime,
    ownerTimeoutMs: 200,
    closingTimeoutMs: 50,
  });

/** What becomes of a request: it is answered, or fails with an error that says what to do; nothing else is touched. */
async function outcomeOf({ stateDir, canary }: Stage): Promise<string> {
  received.length = 0;
  connections.length = 0;
  const api = open(stateDir);
  try {
    const outcome = await api.send(create, false).then(
      (response) => String(response.status),
      (error: unknown) => {
        assert.ok(error instanceof SidecarError, String((error as Error).stack));
        return error.code;
      },
    );
    assert.equal(readFileSync(canary, 'utf8'), 'precious');
    assert.deepEqual(
      received.filter((line) => line !== 'GET /local/hello'),
      [],
      'nothing but a greeting is sent',
    );
    const paths = connections.flat(2).filter((option) => typeof option === 'object' && option !== null);
    for (const option of paths) {
      assert.ok(
        String((option as { path?: string }).path).startsWith(`${stateDir}/run/s-`),
        JSON.stringify(option),
      );
    }
    return outcome;
  } finally {
    await api.close();
  }
}

const anyPid = fc.oneof(
  fc.integer(),
  fc.constantFrom(1, process.pid, 2 ** 22, 2 ** 31, 2 ** 53, -1, 0),
  fc.double(),
);

function records(at: Stage, own: object): fc.Arbitrary<string | Uint8Array> {
  const paths = [
    '',
    '.',
    '/',
    'a\0b',
    'x'.repeat(300),
    at.canary,
    at.outside,
    at.stateDir,
    `${at.stateDir}/state.jsonl`,
  ];
  const socketPath = fc.oneof(
    fc.constantFrom(
      ...paths,
      `${at.stateDir}/run/../../canary`,
      `${at.stateDir}/run/s-fedcba9876543210`,
      SOCKET,
    ),
    fc.jsonValue(),
  );
  const like = fc.record(
    {
      released: fc.oneof(fc.boolean(), fc.jsonValue()),
      protocol: fc.oneof(fc.constantFrom(1, 2, 3, 2 ** 53), fc.jsonValue()),
      socketPath,
      pid: anyPid,
      startedAt: fc.oneof(
        fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
        fc.jsonValue(),
      ),
      id: fc.oneof(fc.constant('0'.repeat(32)), fc.jsonValue()),
      directory: fc.oneof(fc.constantFrom(at.directory, { device: '1', inode: '2' }), fc.jsonValue()),
      process: fc.oneof(fc.constant(own), fc.record({ pid: anyPid, started: fc.string() }), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  return fc.oneof(
    fc.json(),
    fc.string(),
    fc.uint8Array({ maxLength: 5000 }),
    like.map((record) => JSON.stringify(record)),
    // A record that the process which is said to have written it may have written.
    like.map((record) =>
      JSON.stringify({ ...record, pid: process.pid, process: own, directory: at.directory }),
    ),
  );
}

const names = fc.oneof(
  fc.integer({ min: 1, max: 9 }).map(String),
  fc.constantFrom(
    '0',
    '-1',
    '01',
    '1e3',
    '9007199254740991',
    '9007199254740992',
    '999999999999999',
    '1000000000000001',
  ),
  fc.bigInt({ min: 1n, max: 10n ** 24n }).map(String),
);

test('whatever a record in lock/ holds, no file of others is touched, nobody else is sent anything, no port is connected to', async (t) => {
  const own = await ownRecord();
  const template = await stage(t);
  const outcomes = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(names, records(template, own)), { minLength: 1, maxLength: 3 }),
      async (locks) => {
        const at = await stage(t);
        for (const [name, content] of locks) {
          // The paths of the generator are those of the template.
          const text =
            typeof content === 'string' ? content.replaceAll(template.stateDir, at.stateDir) : content;
          writeFileSync(join(at.stateDir, 'lock', `owner.${name}`), text);
        }
        const outcome = await outcomeOf(at);
        assert.ok(['200', 'state-locked'].includes(outcome), outcome);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      },
    ),
    { numRuns: 150 },
  );
  assert.ok((outcomes.get('200') ?? 0) > 50, [...outcomes].join(' '));
});

test('what lies in lock/ and is no file, or names a socket that is none, is passed over', async (t) => {
  const plant: Record<string, (path: string, at: Stage) => void> = {
    folder: (path) => mkdirSync(path),
    'link to a file': (path, at) => symlinkSync(at.canary, path),
    'link to nothing': (path) => symlinkSync('/nonexistent', path),
    'link to a device': (path) => symlinkSync('/dev/zero', path),
    pipe: (path) => execFileSync('mkfifo', [path]),
    'huge file': (path) => writeFileSync(path, '{"protocol":2,'.padEnd(10_000_000)),
    'record that names a file among the sockets': (path, at) => {
      writeFileSync(at.inside, 'precious too');
      writeFileSync(path, JSON.stringify({ socketPath: at.inside, pid: process.pid }));
    },
    'record that names a link among the sockets': (path, at) => {
      symlinkSync(at.outside, at.inside);
      writeFileSync(path, JSON.stringify({ socketPath: at.inside, pid: process.pid }));
    },
  };
  for (const [what, put] of Object.entries(plant)) {
    const at = await stage(t);
    put(join(at.stateDir, 'lock', 'owner.5'), at);
    assert.equal(await outcomeOf(at), '200', what);
    if (what.endsWith('among the sockets')) assert.ok(lstatSync(at.inside), what);
  }
});

test('a server among the sockets that is not the owner of this directory gets nothing, whatever its answer', async (t) => {
  const at = await stage(t);
  await listen(t, at.inside);
  const dead = { ...(await ownRecord()), started: '1' };
  const identity = { id: '0'.repeat(32), directory: at.directory, process: dead };
  const record = { protocol: 2, socketPath: at.inside, pid: dead.pid, startedAt: '', ...identity };
  writeFileSync(join(at.stateDir, 'lock', 'owner.5'), JSON.stringify(record));
  assert.equal(await outcomeOf(at), '200');
  assert.deepEqual(received, ['GET /local/hello']);
  assert.ok(existsSync(at.inside), 'a socket that is listened on stays');
});

test('the highest number that fits is refused in words, and above it is no lock', async (t) => {
  const at = await stage(t);
  writeFileSync(join(at.stateDir, 'lock', 'owner.1000000000000000'), '{}');
  assert.equal(await outcomeOf(at), 'file-error');
});
