import { type Analytics, SidecarError } from '../protocol/index.js';
import type { Api } from './client.js';
import { call } from './errors.js';

const DAY_MS = 24 * 60 * 60_000;
/** The most groups that Cloudflare answers with; a group is a Worker here. */
const MAX_WORKERS = 10_000;

const QUERY = `query WorkersInvocations($account: string!, $since: Time!, $until: Time!, $limit: uint64!) {
  viewer {
    accounts(filter: { accountTag: $account }) {
      workersInvocationsAdaptive(limit: $limit, filter: { datetime_geq: $since, datetime_leq: $until }) {
        sum { requests errors subrequests }
        dimensions { scriptName }
      }
    }
  }
}`;

interface Group {
  sum: { requests: number; errors: number; subrequests: number };
  dimensions: { scriptName: string };
}

interface GraphqlAnswer {
  data: { viewer?: { accounts?: { workersInvocationsAdaptive?: Group[] }[] } } | null;
  errors?: { message: string; extensions?: { code?: string } }[] | null;
}

/** The invocations of the last 24 hours a Worker, most requests first. Cloudflare samples them. */
export async function workersAnalytics(
  { client, accountId }: Api,
  signal: AbortSignal,
  now = Date.now(),
): Promise<Analytics> {
  const since = new Date(now - DAY_MS).toISOString();
  const until = new Date(now).toISOString();
  const variables = { account: accountId, since, until, limit: MAX_WORKERS };
  const answer = await call('read the analytics', signal, (signal) =>
    client.post<GraphqlAnswer>('/graphql', { body: { query: QUERY, variables }, signal }),
  );
  if (answer.errors?.length || !answer.data) throw refused(answer.errors ?? []);
  const groups = answer.data.viewer?.accounts?.[0]?.workersInvocationsAdaptive ?? [];
  const workers = groups.map(({ sum, dimensions }) => ({ name: dimensions.scriptName, ...sum }));
  return { since, until, workers: workers.sort((a, b) => b.requests - a.requests) };
}

/** GraphQL tells its failures with the HTTP status 200. */
function refused(errors: NonNullable<GraphqlAnswer['errors']>): SidecarError {
  const isDenied = errors.some(
    ({ message, extensions }) =>
      extensions?.code === 'authz' || /not authorized|does not have access|unauthorized/i.test(message),
  );
  const texts = errors.map(({ message }) => message).join('; ') || 'the answer has no data';
  return new SidecarError(
    isDenied ? 'permission-denied' : 'cloudflare-error',
    `Could not read the analytics: ${texts}.${isDenied ? ' The API token needs the permission Account Analytics: Read.' : ''}`,
    { data: { cloudflare: { status: 200, errors: errors.map(({ message }) => ({ code: 0, message })) } } },
  );
}
