import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface WranglerHome {
  folder: string;
  /** The environment of a user whose home it is; no program is on PATH but those of `bin`. */
  env: Record<string, string>;
  /** Plants a file of wrangler's, such as `config/default.toml`. */
  plant(path: string, content: string | Uint8Array): string;
  /** A login that lasts for an hour, or has ended. */
  login(profile: string, token: string, ended?: boolean): void;
  /** One that only wrangler can read. */
  encrypted(profile: string): string;
  /** A folder for a project, bound to a profile where one is given. */
  project(name: string, profile?: string): string;
  /** A program of that name on PATH, or in `node_modules/.bin` of a folder: a script for `sh`. */
  program(name: string, script: string, at?: string): string;
  /** A wrangler whose `auth token --json` answers per profile; see `asked`. */
  wrangler(answers: Record<string, unknown>, at?: string): string;
  /** What that wrangler was called with: arguments, folder, profile, and whether it saw a token of ours. */
  asked(): string[];
}

/** A home of its own, with what wrangler 4.164 would keep in it. */
export function wranglerHome(t: { after(clean: () => void): void }): WranglerHome {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ff-login-')));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, '.config/.wrangler');
  const asked = join(folder, 'asked');
  const bindings: Record<string, string> = {};
  const write = (path: string, content: string | Uint8Array, mode = 0o600) => {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content, { mode });
    return path;
  };
  const plant = (path: string, content: string | Uint8Array) => write(join(config, path), content);
  const program = (name: string, script: string, at?: string) =>
    write(
      join(at ? join(at, 'node_modules/.bin') : join(folder, 'bin'), name),
      `#!/bin/sh\n${script}\n`,
      0o755,
    );
  mkdirSync(join(folder, 'bin'));
  return {
    folder,
    env: {
      HOME: folder,
      USERPROFILE: folder,
      PATH: join(folder, 'bin'),
      FLUORITE_FLAKE_HOME: join(folder, 'ff'),
    },
    plant,
    login(profile, token, ended = false) {
      const time = new Date(Date.now() + (ended ? -1000 : 3_600_000)).toISOString();
      plant(`config/${profile}.toml`, `oauth_token = "${token}"\nexpiration_time = "${time}"\n`);
    },
    encrypted: (profile) =>
      plant(
        `config/${profile}.enc`,
        JSON.stringify({ v: 1, alg: 'AES-256-GCM', iv: 'aa', tag: 'bb', ciphertext: 'cc' }),
      ),
    project(name, profile) {
      const path = join(folder, name);
      mkdirSync(path, { recursive: true });
      if (profile) {
        bindings[path] = profile;
        plant('profiles/directory-bindings.json', JSON.stringify(bindings));
      }
      return path;
    },
    program,
    wrangler(answers, at) {
      const cases = Object.entries(answers).map(([profile, answer]) => {
        const text = typeof answer === 'string' ? answer : JSON.stringify(answer, null, 2);
        return `  ${profile}) printf '%s\\n' '${text}' ;;`;
      });
      return program(
        'wrangler',
        `echo "$* | $PWD | $CLOUDFLARE_AUTH_PROFILE | \${CLOUDFLARE_API_TOKEN:-none}" >> '${asked}'
case "$CLOUDFLARE_AUTH_PROFILE" in
${cases.join('\n')}
  *) echo 'Not logged in. Please run \`wrangler login\` to authenticate.' >&2; exit 1 ;;
esac`,
        at,
      );
    },
    asked: () => (existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n') : []),
  };
}
