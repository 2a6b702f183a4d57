import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { DEFAULT_MAX_BODY_BYTES, SidecarError } from '../src/protocol/index.js';
import { path } from '../src/protocol/resources.js';

const milliseconds = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** What the CLI reads from its pipe at the most. */
const MAX_TOKEN_BYTES = 64 * 1024;

/** The options of a sidecar; `SidecarOptions` is inferred from here. */
const schema = z.strictObject({
  /** The CLI: a name on PATH, a path, or a .js file that this Node runs. Default: the package's own. */
  cliPath: path().optional(),
  /**
   * `worker/main.cjs` in a copy of the package's `dist`, for apps that are bundled and shipped without node_modules;
   * the CLI beside it is used too, unless `cliPath` names another. Default: looked for, see docs/bundling.md.
   */
  workerPath: z.string().min(1).optional(),
  /** @deprecated Accepted so that existing code runs; nothing listens on a port. */
  ipcPort: z.number().int().min(0).max(65_535).optional(),
  /** @deprecated Accepted so that existing code runs; nothing listens on a host. */
  ipcHost: z.string().optional(),
  /** The token that binds library and CLI to one session. Default: 32 random bytes, new at each start. */
  authToken: z
    .string()
    .min(1)
    .refine((token) => Buffer.byteLength(token) <= MAX_TOKEN_BYTES, 'expected at most 64 KiB')
    .optional(),
  /** Writes calls, state changes and the CLI's stderr to stderr, or to `logger`. Default: false. */
  debug: z.boolean().default(false),
  /** Takes the debug lines instead of stderr. */
  logger: z
    .custom<(line: string) => void>((value) => typeof value === 'function', 'expected a function')
    .optional(),
  /** Starts the CLI again when it ends unasked. Default: true. */
  autoRestart: z.boolean().default(true),
  /** Milliseconds before the first restart; each further one waits twice as long, up to a minute. Default: 5000. */
  restartDelay: milliseconds.default(5000),
  /** Restarts since the last healthy minute before the sidecar gives up. Default: 5. */
  maxRestarts: z.number().int().min(0).default(5),
  /** Which account: Cloudflare's when there are credentials and else the local one (`auto`), or one of them, or an account id. Default: auto. */
  account: z
    .union([
      z.enum(['auto', 'local', 'cloud']),
      z.string().regex(/^[0-9a-f]{32}$/i, 'expected auto, local, cloud or an account id'),
    ])
    .default('auto'),
  /** Lets local Workers reach public addresses with `fetch()` and `connect()`. Default: false. */
  allowNetwork: z.boolean().default(false),
  /** Refuses every method that changes something with `read-only`. Default: false. */
  readOnly: z.boolean().default(false),
  /** The local account's folder. Default: the platform's data folder. */
  stateDir: path().optional(),
  /** The CLI's working directory, where `deployWorker` looks for a project. Default: the host's. */
  cwd: path().optional(),
  /** Added to the CLI's environment, which is an allow-list of the host's. */
  env: z
    .record(
      z.string().regex(/^[^=\0]+$/, 'a variable has a name without = and NUL'),
      z.string().regex(/^[^\0]*$/, 'a variable has a value without NUL'),
    )
    .default({}),
  /** Milliseconds the CLI may take to become ready. Default: 10000. */
  startTimeout: milliseconds.min(1).default(10_000),
  /**
   * Milliseconds a silent CLI may leave a ping unanswered before it is taken for stopped and replaced; one at work gets
   * four times as long. 0: it is not pinged. Default: 15000.
   */
  heartbeatTimeout: milliseconds.default(15_000),
  /**
   * Milliseconds that `stop()` may take: calls in flight get the first third of it, the account's processes the next, and
   * a CLI that does not end is killed. 0: it is killed at once. Default: 5000, as long as a desktop lets an app close.
   */
  stopTimeout: milliseconds.default(5000),
  /** The largest message body in bytes, both ways. Default: 16 MiB. */
  maxBodyBytes: z.number().int().min(1024).default(DEFAULT_MAX_BODY_BYTES),
});

/** The options of {@link TauriSidecar}; all are optional. */
export type SidecarOptions = z.input<typeof schema>;
export type ResolvedOptions = z.output<typeof schema>;

/** @throws SidecarError `invalid-option` that names each option that does not fit */
export function resolveOptions(options: SidecarOptions): ResolvedOptions {
  // Without code made for the schema: that pays from the second object on.
  const parsed = schema.safeParse(options, { jitless: true });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'options'}: ${issue.message}`);
  throw new SidecarError('invalid-option', `The sidecar's options do not fit: ${faults.join('; ')}.`, {
    data: { faults },
  });
}

/** 32 random bytes, hexadecimal. */
export function createAuthToken(): string {
  return randomBytes(32).toString('hex');
}
