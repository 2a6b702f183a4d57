import type { HostReply, HostRequest } from './hosts.js';
import type { PeerSession } from './peer.js';
import { peerNamed } from './peers/index.js';
import { scenarioNamed } from './scenarios/index.js';

/**
 * The process of one peer in one scenario: plain built JavaScript, so that no peer's figures carry another's
 * heap, compiled code or timers. It measures a slice whenever it is told to, and sleeps in between.
 */
const [, , scenarioName = '', peerName = ''] = process.argv;
const scenario = scenarioNamed(scenarioName);
let session: Promise<PeerSession> | undefined;

process.on('message', (request: HostRequest) => {
  handle(request).then(reply, (error: unknown) =>
    reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));

async function handle(request: HostRequest): Promise<HostReply> {
  if (request.kind === 'close') {
    // A session that could not be started has nothing to close, and its failure was reported.
    await session?.then(
      (started) => started.close(),
      () => undefined,
    );
    process.disconnect();
    return {};
  }
  const measured = scenario.cases.find((one) => one.name === request.case);
  if (!measured) throw new Error(`The scenario ${scenario.name} has no case "${request.case}".`);
  const sample = await scenario.measure({
    peerName,
    get peer() {
      return peerNamed(peerName);
    },
    case: measured,
    sliceMs: request.sliceMs,
    session: (options) => {
      session ??= peerNamed(peerName).start(options);
      return session;
    },
  });
  return { sample };
}

function reply(answer: HostReply): void {
  if (process.connected) process.send?.(answer);
}
