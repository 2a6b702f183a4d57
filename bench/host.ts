import type { HostReply, HostRequest } from './hosts.js';
import { peerNamed } from './peers/index.js';
import type { Closable } from './scenario.js';
import { scenarioNamed } from './scenarios/index.js';

/**
 * The process of one peer in one scenario: plain built JavaScript, so that no peer's figures carry another's
 * heap, compiled code or timers. It measures a slice whenever it is told to, and sleeps in between.
 */
const [, , scenarioName = '', peerName = ''] = process.argv;
const scenario = scenarioNamed(scenarioName);
let kept: Promise<Closable> | undefined;

process.on('message', (request: HostRequest) => {
  handle(request).then(reply, (error: unknown) =>
    reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));

async function handle(request: HostRequest): Promise<HostReply> {
  if (request.kind === 'close') {
    // What could not be started has nothing to close, and its failure was reported.
    await kept?.then(
      (started) => started.close(),
      () => undefined,
    );
    process.disconnect();
    return {};
  }
  const measured = scenario.cases.find((one) => one.name === request.case);
  if (!measured) throw new Error(`The scenario ${scenario.name} has no case "${request.case}".`);
  const peer = () => peerNamed(scenario.peerOf?.[peerName] ?? peerName);
  const sample = await scenario.measure({
    peerName,
    get peer() {
      return peer();
    },
    case: measured,
    sliceMs: request.sliceMs,
    session: (options) => keep(() => peer().start(options)),
    keep,
  });
  return { sample };
}

/** A scenario keeps one thing a process, and asks for the same every time. */
function keep<T extends Closable>(open: () => Promise<T>): Promise<T> {
  kept ??= open();
  return kept as Promise<T>;
}

function reply(answer: HostReply): void {
  if (process.connected) process.send?.(answer);
}
