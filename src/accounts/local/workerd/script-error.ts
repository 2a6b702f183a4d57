import { SidecarError } from '../../../protocol/index.js';
import { WORKER_SERVICE_PREFIX } from './service-names.js';

/** What workerd prints when it refuses a Worker: `service worker:NAME: …`, or `Worker "worker:NAME"'s binding …`. */
const REFUSALS = [
  new RegExp(`^service ${WORKER_SERVICE_PREFIX}([^:]+): (.*)$`),
  new RegExp(`^Worker "${WORKER_SERVICE_PREFIX}([^"]+)"'s (.*)$`),
];

const EXPERIMENTAL = /To use this flag, you must pass --experimental on the command line\.?/;

/**
 * workerd's refusal to run a Worker as `script-invalid`, with its own message, freed of our paths and service
 * names; any other failure as it is.
 */
export function toScriptError(error: unknown, folder: string): unknown {
  if (!(error instanceof SidecarError) || error.code !== 'workerd-failed') return error;
  const lines = (error.data.stderr as string[] | undefined) ?? [];
  for (const [index, line] of lines.entries()) {
    for (const pattern of REFUSALS) {
      const match = pattern.exec(line);
      if (match === null) continue;
      const [, workerName, text] = match as unknown as [string, string, string];
      const detail = clean([text, ...continuation(lines.slice(index + 1))].join('\n'), folder);
      return new SidecarError('script-invalid', `The Worker ${workerName} was refused: ${detail}`, {
        data: { workerName, detail },
        cause: error,
      });
    }
  }
  return error;
}

/** The indented lines of a stack that follow a message. */
function continuation(lines: readonly string[]): string[] {
  const end = lines.findIndex((line) => !/^\s/.test(line));
  return lines.slice(0, end < 0 ? undefined : end);
}

function clean(message: string, folder: string): string {
  return (
    message
      .replaceAll('file:///bundle/', '')
      .replaceAll(`"${WORKER_SERVICE_PREFIX}`, '"')
      .replaceAll(`${folder}/`, '')
      // Who reads this starts no workerd.
      .replace(EXPERIMENTAL, 'The local account has no experimental flags.')
  );
}
