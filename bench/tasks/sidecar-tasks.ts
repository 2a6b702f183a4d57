import { makeFolders, prepareAccount } from './account.js';
import { keepAsking } from './keep-asking.js';
import { type Tasks, WORKER } from './tasks.js';

/** This package in an app: a sidecar that runs already. */
export async function sidecarTasks(): Promise<Tasks> {
  const account = await prepareAccount(await makeFolders());
  const { sidecar, project } = account;
  return {
    account,
    listBuckets: async () => (await sidecar.call('dashboard.listR2Buckets')).map(({ name }) => name),
    deploy: async () => void (await sidecar.call('dashboard.deployWorker', { cwd: project })),
    async firstTailLine() {
      const asking = keepAsking(account.ask);
      try {
        for await (const event of sidecar.tailLogs({ workerName: WORKER }))
          return event as { scriptName: unknown };
        throw new Error('The tail ended without an event.');
      } finally {
        asking.stop();
      }
    },
    close: () => account.remove(),
  };
}
