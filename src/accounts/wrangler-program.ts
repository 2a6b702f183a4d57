import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import * as z from 'zod';
import { SidecarError } from '../protocol/index.js';
import { type Answer, askProgram } from './ask-program.js';
import type { Where } from './credentials.js';
import { DEFAULT_PROFILE } from './wrangler-profile.js';

/** A keychain may ask its user first. */
const WAIT_MS = 60_000;
/** Starting it takes seconds of work: after an answer of no use it is not asked again before. */
const REST_MS = 15_000;

/** What fits a header; nothing longer is a token. */
const secret = z.string().regex(/^[\x21-\x7e]{1,16384}$/);

/** `wrangler auth token --json` of 4.164. */
const answerSchema = z.union([
  z.object({ type: z.enum(['oauth', 'api_token']), token: secret }),
  z.object({ type: z.literal('api_key'), key: secret, email: secret }),
]);

/** What wrangler signs requests with. */
export interface WranglerToken {
  apiToken?: string;
  apiKey?: string;
  apiEmail?: string;
}

export interface AskOptions extends Where {
  /** For tests: milliseconds of a clock that only goes forward. */
  now?: () => number;
  waitMs?: number;
}

/** Where wrangler is: in `node_modules/.bin` of `cwd` or above, else on PATH; undefined where it is not. */
export async function findWrangler({ cwd, env }: Where): Promise<string | undefined> {
  const names = process.platform === 'win32' ? ['wrangler.cmd', 'wrangler.exe'] : ['wrangler'];
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    for (const name of names) {
      const path = join(folder, 'node_modules', '.bin', name);
      // A folder above may belong to somebody else, such as the one for temporary files.
      if ((await isProgram(path)) && (await isTrusted(path))) return path;
    }
    if (dirname(folder) === folder) break;
  }
  for (const folder of pathOf(env).split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    for (const name of names) if (await isProgram(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

/**
 * Asks one wrangler for the token of one profile: once, and again only when Cloudflare refused what it said, or a while
 * after it gave none.
 */
export class WranglerProgram {
  readonly path: string;
  readonly #profile: string;
  readonly #options: AskOptions;
  readonly #closing = new AbortController();
  #asked: Promise<WranglerToken> | undefined;
  /** When asking was of no use: another answer is not to be had at once. */
  #restsFrom: number | undefined;

  constructor(path: string, profile: string, options: AskOptions) {
    this.path = path;
    this.#profile = profile;
    this.#options = options;
  }

  /**
   * @param refused the token that Cloudflare does not take any more
   * @throws SidecarError `credentials-expired` when wrangler gives no token, `credentials-invalid` when it answers
   * with something else.
   */
  async token(refused?: string): Promise<WranglerToken> {
    const asked = this.#asked;
    const known = await asked?.catch(() => undefined);
    const isUseless = known === undefined || known.apiToken === refused;
    // Whoever was first has asked anew already.
    if (isUseless && this.#asked === asked && !this.#rests()) this.#asked = undefined;
    this.#asked ??= this.#ask(refused);
    return await this.#asked;
  }

  /** Ends it where it is being asked. Can be called twice. */
  close(): void {
    this.#closing.abort();
  }

  async #ask(refused: string | undefined): Promise<WranglerToken> {
    this.#restsFrom = undefined;
    let answer: WranglerToken | undefined;
    try {
      answer = await this.#run();
      return answer;
    } finally {
      if (answer === undefined || answer.apiToken === refused) this.#restsFrom = this.#now();
    }
  }

  #rests(): boolean {
    return this.#restsFrom !== undefined && this.#now() - this.#restsFrom < REST_MS;
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
  }

  async #run(): Promise<WranglerToken> {
    const { cwd, env, waitMs = WAIT_MS } = this.#options;
    const args = ['auth', 'token', '--json'];
    // A wrangler that knows no profiles refuses the flag, and does not answer for another one.
    if (this.#profile !== DEFAULT_PROFILE) args.push(`--profile=${this.#profile}`);
    const answer = await askProgram(this.path, args, {
      cwd,
      env: wranglerEnvironment(env, this.#profile),
      timeoutMs: waitMs,
      signal: this.#closing.signal,
    });
    return this.#tokenOf(answer, waitMs);
  }

  #tokenOf(answer: Answer, waitMs: number): WranglerToken {
    if (answer.end !== 'exit' || answer.code !== 0) throw this.#failed(reasonOf(answer, waitMs));
    const parsed = answerSchema.safeParse(objectIn(answer.stdout), { jitless: true });
    if (!parsed.success) {
      throw this.#failed('what it printed is no token', 'credentials-invalid');
    }
    const { data } = parsed;
    return data.type === 'api_key' ? { apiKey: data.key, apiEmail: data.email } : { apiToken: data.token };
  }

  #failed(
    why: string,
    code: 'credentials-expired' | 'credentials-invalid' = 'credentials-expired',
  ): SidecarError {
    const profile = this.#profile === DEFAULT_PROFILE ? '' : ` of its profile ${this.#profile}`;
    return new SidecarError(
      code,
      `\`${this.path} auth token --json\` did not give out the login${profile}: ${why}. Run \`npx wrangler whoami\` to see why, or \`npx wrangler login\`; or sign in with \`fluorite-flake auth login\`; or choose the account \`local\`.`,
      { data: { program: this.path, profile: this.#profile } },
    );
  }
}

/** Only what is known by heart is told of its output: the rest may be anything. */
function reasonOf(answer: Answer, waitMs: number): string {
  if (answer.end === 'timeout') return `it did not answer within ${waitMs / 1000} s`;
  if (answer.end === 'cancelled') return 'the account was closed meanwhile';
  if (answer.end !== 'exit') return 'it could not be run to its end';
  if (/not logged in/i.test(answer.stderr)) return 'it is not logged in';
  if (/requires at least Node/i.test(answer.stderr)) return 'it needs a newer Node.js';
  if (/unknown argument/i.test(answer.stderr)) return 'it is too old to know this';
  return `it ended with exit code ${answer.code}`;
}

/** The object on stdout; a banner or a notice may stand around it. */
function objectIn(stdout: string): unknown {
  try {
    return JSON.parse(stdout.slice(stdout.indexOf('{'), stdout.lastIndexOf('}') + 1));
  } catch {
    return undefined; // Fits no schema. The parser's message would quote it.
  }
}

const LEFT_OUT = /^(FLUORITE_FLAKE_|CLOUDFLARE_(API_(TOKEN|KEY)|EMAIL)$|CF_(API_(TOKEN|KEY)|EMAIL)$)/;

function wranglerEnvironment(env: NodeJS.ProcessEnv, profile: string): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !LEFT_OUT.test(name));
  const pathName = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  return {
    ...Object.fromEntries(kept),
    // The Node that runs this, where an app that was started by a desktop has none on PATH.
    [pathName]: [pathOf(env), dirname(process.execPath)].filter(Boolean).join(delimiter),
    CLOUDFLARE_AUTH_PROFILE: profile,
    WRANGLER_HIDE_BANNER: 'true',
    WRANGLER_SEND_METRICS: 'false',
  };
}

function pathOf(env: NodeJS.ProcessEnv): string {
  return Object.entries(env).find(([name]) => name.toUpperCase() === 'PATH')?.[1] ?? '';
}

async function isProgram(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) return false;
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false; // One that cannot be looked at cannot be run either.
  }
}

/** Whether it is this user's or root's own, behind its links. Windows has its folders' own rights. */
async function isTrusted(path: string): Promise<boolean> {
  const uid = process.getuid?.();
  if (uid === undefined) return true;
  const owner = (await stat(await realpath(path))).uid;
  return owner === uid || owner === 0;
}
