import { askProgram } from './ask-program.js';

/** The desktop's own store of secrets. */
export interface Keychain {
  /** What people call it. */
  readonly name: string;
  /** Whether the secret was taken; false where there is no keychain that answers. */
  store(key: string, secret: string): Promise<boolean>;
  /** undefined when there is no such secret, or no keychain that answers. */
  read(key: string): Promise<string | undefined>;
  /** Removes a secret if it is there. */
  remove(key: string): Promise<void>;
}

const SERVICE = 'fluorite-flake';
/** A locked keychain asks its user first; signing in can wait for that, the start of an app cannot. */
const STORE_WAIT_MS = 60_000;
const WAIT_MS = 6_000;

/** The platform's keychain, driven by its own program; undefined where there is none. */
export function platformKeychain(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): Keychain | undefined {
  if (platform === 'linux') return secretService(env);
  return platform === 'darwin' ? macKeychain(env) : undefined;
}

/** `secret-tool` of libsecret: GNOME Keyring, KWallet and others. It takes a secret from stdin. */
function secretService(env: NodeJS.ProcessEnv): Keychain {
  const attributes = (key: string) => ['service', SERVICE, 'profile', key];
  return {
    name: 'keyring (secret-tool)',
    async store(key, secret) {
      const args = ['store', '--label=Fluorite Flake: Cloudflare API token', ...attributes(key)];
      return (await run('secret-tool', args, env, secret)) !== undefined;
    },
    read: (key) => run('secret-tool', ['lookup', ...attributes(key)], env).then(nonEmpty),
    async remove(key) {
      await run('secret-tool', ['clear', ...attributes(key)], env);
    },
  };
}

/**
 * `security` of macOS. It takes a secret as an argument only, which every user could read; in its interactive mode
 * the whole command comes from stdin instead.
 */
function macKeychain(env: NodeJS.ProcessEnv): Keychain {
  const entry = (key: string) => ['-s', SERVICE, '-a', key];
  return {
    name: 'login keychain',
    async store(key, secret) {
      if (!/^[\w.~+/=-]+$/.test(secret)) return false;
      const command = `add-generic-password -U -s ${SERVICE} -a ${key} -w ${secret}\n`;
      return (await run('security', ['-i'], env, command)) !== undefined;
    },
    read: (key) => run('security', ['find-generic-password', ...entry(key), '-w'], env).then(nonEmpty),
    async remove(key) {
      await run('security', ['delete-generic-password', ...entry(key)], env);
    },
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text?.trim() || undefined;
}

/**
 * What the program prints; undefined when it fails, is not there or does not answer in time. The reason is not kept:
 * what these programs print may be the secret.
 */
async function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input?: string,
): Promise<string | undefined> {
  const others = Object.entries(env).filter(([name]) => !/^(CLOUDFLARE|FLUORITE_FLAKE)_/.test(name));
  const answer = await askProgram(program, args, {
    env: Object.fromEntries(others),
    timeoutMs: input === undefined ? WAIT_MS : STORE_WAIT_MS,
    input,
  });
  return answer.end === 'exit' && answer.code === 0 ? answer.stdout : undefined;
}
