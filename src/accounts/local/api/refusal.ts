import { SidecarError } from '../../../protocol/index.js';
import { ApiError } from '../envelope.js';

/** The runtime's refusal of the very Worker that is deployed, in its own words alone: the caller knows which one it is. */
export function refusalOf(workerName: string): (error: unknown) => never {
  return (error) => {
    const isOwn =
      error instanceof SidecarError &&
      error.code === 'script-invalid' &&
      error.data.workerName === workerName &&
      typeof error.data.detail === 'string';
    throw isOwn ? new ApiError(400, 10021, error.data.detail as string) : error;
  };
}
