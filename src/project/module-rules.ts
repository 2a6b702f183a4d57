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

/** One glob of a rule, ready to be matched. wrangler reads the same glob in two ways. */
export interface ModuleMatcher {
  /** Against what an import says: any number of `*` is any text, slashes included. */
  imported: RegExp;
  /** Against the path of a file below the module root: `*` ends at a slash, `**` is any number of folders. */
  found: RegExp;
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
    const type = rule.type in MODULE_TYPES ? MODULE_TYPES[rule.type as keyof typeof MODULE_TYPES] : undefined;
    if (type === undefined) rules.unsupported.push(rule.type);
    else if (closed.has(rule.type)) rules.shadowed.push(...rule.globs.map(importedPattern));
    else rules.matchers.push(...rule.globs.map((glob) => matcher(glob, type)));
    if (rule.fallthrough !== true) closed.add(rule.type);
  }
  return rules;
}

/** What an author is told whose file only a hidden rule matches. */
export function shadowedMessage(path: string): string {
  return `${path} matches a module rule that an earlier rule of the same type hides. Give that one "fallthrough": true.`;
}

function matcher(glob: string, type: UploadModule['type']): ModuleMatcher {
  const isJavaScript = type === 'esm' || type === 'commonjs';
  return { imported: importedPattern(glob), found: foundPattern(glob), type, isJavaScript };
}

function importedPattern(glob: string): RegExp {
  return new RegExp(`^${escaped(glob).replace(/\*+/g, '.*')}$`);
}

function foundPattern(glob: string): RegExp {
  const pattern = escaped(glob).replace(
    /(^|\\\/)\*\*+(?:\\\/|$)|\*+/g,
    (_stars, before: string | undefined) => (before === undefined ? '[^/]*' : `${before}(?:[^/]*(?:/|$))*`),
  );
  return new RegExp(`^${pattern}$`);
}

function escaped(glob: string): string {
  return glob.replace(/[.+?^${}()|[\]\\/-]/g, '\\$&');
}
