import { SidecarError } from '../protocol/index.js';
import { INHERITED_UNSUPPORTED_FIELDS, UNSUPPORTED_FIELDS } from './config-fields.js';
import { INHERITABLE_FIELDS, type WranglerConfig, type WranglerEnvironment } from './config-schema.js';
import type { ConfigText } from './config-text.js';

export interface ChosenEnvironment {
  name?: string;
  fields: WranglerEnvironment;
  warnings: string[];
}

const NOT_INHERITABLE_FIELDS = [
  'vars',
  'secrets',
  'define',
  'kv_namespaces',
  'r2_buckets',
  'services',
  'tail_consumers',
];

/**
 * The fields of the environment `env`, or of the top level without one, by wrangler's rules: an environment inherits
 * what describes the code and states its bindings, `vars` and `define` itself; it is named `<name>-<env>` unless it
 * says otherwise.
 * @throws SidecarError `config-invalid` when there is no such environment.
 */
export function selectEnvironment(
  path: string,
  source: ConfigText,
  config: WranglerConfig,
  env: string | undefined,
  redirected = false,
): ChosenEnvironment {
  const known = Object.keys(config.env ?? {});
  if (redirected) return selectGenerated(path, config, env, known);
  if (env === undefined) return { name: config.name, fields: config, warnings: untargeted(path, known) };
  const own = known.includes(env) ? config.env?.[env] : undefined;
  if (!own) throw unknownEnvironment(path, source, env, known);

  const inherited = [...INHERITABLE_FIELDS, ...INHERITED_UNSUPPORTED_FIELDS].filter(
    (field) => config[field] !== undefined && own[field] === undefined,
  );
  const fields = { ...own, ...Object.fromEntries(inherited.map((field) => [field, config[field]])) };
  const name = own.name ?? (config.name === undefined ? undefined : `${config.name}-${env}`);
  return { name, fields, warnings: leftBehind(path, config, own, env) };
}

/** A configuration that a build wrote is for one environment already, and is named for it. */
function selectGenerated(
  path: string,
  config: WranglerConfig,
  env: string | undefined,
  known: readonly string[],
): ChosenEnvironment {
  if (known.length > 0) {
    throw generatedInvalid(path, 'env', `it has the environments ${known.join(', ')}, and may have none`);
  }
  const target = config.targetEnvironment ?? undefined;
  if (env !== undefined && target !== undefined && env !== target) {
    throw generatedInvalid(
      path,
      'targetEnvironment',
      `it was built for the environment \`${target}\`, and \`${env}\` was asked for; build the project for \`${env}\``,
    );
  }
  return { name: config.name, fields: config, warnings: [] };
}

function generatedInvalid(path: string, field: string, why: string): SidecarError {
  return new SidecarError('config-invalid', `The generated configuration ${path} cannot be used: ${why}.`, {
    data: { file: path, field },
  });
}

function untargeted(path: string, known: string[]): string[] {
  if (known.length === 0) return [];
  return [
    `${path}: it has the environments ${known.join(', ')}, and none was asked for: the top level was deployed.`,
  ];
}

/** What stands at the top level, is not inherited and is missing in the environment: seldom what was meant. */
function leftBehind(path: string, config: WranglerConfig, own: WranglerEnvironment, env: string): string[] {
  return [...NOT_INHERITABLE_FIELDS, ...Object.keys(UNSUPPORTED_FIELDS)]
    .filter((field) => !INHERITED_UNSUPPORTED_FIELDS.includes(field))
    .filter((field) => config[field] !== undefined && own[field] === undefined)
    .map(
      (field) =>
        `${path}: \`${field}\` is given at the top level and not in \`env.${env}\`; environments do not inherit it.`,
    );
}

function unknownEnvironment(path: string, source: ConfigText, env: string, known: string[]): SidecarError {
  const has = known.length > 0 ? `It has: ${known.join(', ')}` : 'It has none';
  return new SidecarError('config-invalid', `${path} has no environment \`${env}\`. ${has}.`, {
    data: { file: path, field: `env.${env}`, line: source.lineOf(['env']), environments: known },
  });
}
