/** What one side accepts from the other. */
export interface FrameLimits {
  /** The largest body, in bytes. */
  maxBodyBytes: number;
  /** The longest header including its blank line, in bytes. */
  maxHeaderBytes: number;
}

export const DEFAULT_LIMITS: FrameLimits = {
  maxBodyBytes: 16 * 1024 * 1024,
  maxHeaderBytes: 256,
};
