/** Prefix of a user's Worker among the services: no name of a user can meet one of ours. */
export const WORKER_SERVICE_PREFIX = 'worker:';
