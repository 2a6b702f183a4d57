import type { ModuleRule } from './config-schema.js';
import type { UploadModule } from './upload.js';

/** wrangler's own: https://developers.cloudflare.com/workers/wrangler/bundling/#including-non-javascript-modules */
const DEFAULT_RULES: readonly ModuleRule[] = [
  { type: 'Text', globs: ['**/*.txt', '**/*.html', '**/*.sql'] },
  { type: 'Data', globs: ['**/*.bin'] },
  { type: 'CompiledWasm', globs: ['**/*.wasm', '**/*.wasm?module'] },
];

const MODULE_TYPES = {
  ESModule: 'esm',
  CommonJS: 'commonjs',
  CompiledWasm: 'wasm',
  Data: 'data',
  Text: 'text',
} as const satisfies Partial<Record<ModuleRule['type'], UploadModule['type']>>;

/** One glob of a rule, ready to be matched. */
export interface ModuleMatcher {
  pattern: RegExp;
  type: UploadModule['type'];
  /** Whether esbuild bundles such files anyway. */
  isJavaScript: boolean;
}

export interface ModuleRules {
  matchers: ModuleMatcher[];
  /** Globs of rules that an earlier rule of the same type without `fallthrough` puts out of use. */
  shadowed: RegExp[];
  /** Rule types that no deploy here knows. */
  unsupported: string[];
}

/**
 * The project's rules, then wrangler's defaults. The first rule of a type hides the later ones of that type unless it
 * says `fallthrough: true`.
 */
export function moduleRules(own: readonly ModuleRule[]): ModuleRules {
  const closed = new Set<string>();
  const rules: ModuleRules = { matchers: [], shadowed: [], unsupported: [] };
  for (const rule of [...own, ...DEFAULT_RULES]) {
    const patterns = rule.globs.map(globPattern);
    const type = rule.type in MODULE_TYPES ? MODULE_TYPES[rule.type as keyof typeof MODULE_TYPES] : undefined;
    if (type === undefined) rules.unsupported.push(rule.type);
    else if (closed.has(rule.type)) rules.shadowed.push(...patterns);
    else rules.matchers.push(...patterns.map((pattern) => matcher(pattern, type)));
    if (rule.fallthrough !== true) closed.add(rule.type);
  }
  return rules;
}

function matcher(pattern: RegExp, type: UploadModule['type']): ModuleMatcher {
  return { pattern, type, isJavaScript: type === 'esm' || type === 'commonjs' };
}

/** wrangler's globs know one special character: any number of `*` is any text, slashes included. */
function globPattern(glob: string): RegExp {
  const escaped = glob.replace(/[.+?^${}()|[\]\\/-]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*+/g, '.*')}$`);
}
