/** What people do with their account, done by one tool. Each settles when the tool has told its result. */
export interface Tasks {
  /** Names of all buckets. */
  listBuckets(): Promise<string[]>;
  /** Deploys what lies in the project folder. */
  deploy(): Promise<void>;
  /** From asking for the Worker's logs to the first trace event, while the Worker is asked again and again. */
  firstTailLine(): Promise<{ scriptName: unknown }>;
  readonly account: TaskAccount;
  close(): Promise<void>;
}

/** The local account that a tool works on, prepared for the tasks and looked at from outside. */
export interface TaskAccount {
  /** The folder of the Worker's project. */
  readonly project: string;
  readonly buckets: readonly string[];
  /** Gives the project another content, to be deployed. */
  write(version: number): Promise<void>;
  /** What the deployed Worker answers. */
  ask(): Promise<string>;
}

export const WORKER = 'bench-worker';
