import { type ParsedParams, SidecarError } from '../protocol/index.js';
import { formatOfSource } from './module-format.js';
import type { UploadModule } from './upload.js';

type DeployParams = ParsedParams<'dashboard.deployWorker'>;

/** The main module's name of a Worker given as `script`. */
const SCRIPT_NAME = 'index.js';

/** What speaks about a project folder and contradicts code given in the call itself. */
const PROJECT_PARAMS = ['cwd', 'config', 'entry', 'env', 'minify'] as const;

/**
 * The modules of a Worker whose code is in the params, the main module first; undefined when it is in a folder.
 * @throws SidecarError `invalid-params` where params contradict each other, `unsupported` for code that listens to nothing.
 */
export function inlineModules(params: DeployParams): UploadModule[] | undefined {
  const given = params.script !== undefined ? 'script' : params.modules ? 'modules' : undefined;
  if (given === undefined) return undefined;
  if (params.script !== undefined && params.modules) {
    throw invalid('`script` and `modules` were both given; give one of them', 'modules');
  }
  for (const name of PROJECT_PARAMS) {
    if (params[name] === undefined) continue;
    throw invalid(
      `\`${given}\` and \`${name}\` were both given; \`${name}\` belongs to a project folder`,
      name,
    );
  }
  if (params.name === undefined) throw invalid(`\`${given}\` needs a \`name\` for the Worker`, 'name');
  const modules = params.script === undefined ? givenModules(params.modules ?? []) : [script(params.script)];
  const [main] = modules;
  if (main?.type !== 'esm' && main?.type !== 'commonjs') {
    throw invalid(
      `the first of \`modules\` is the main module and must be of the type esm, or commonjs for a service worker, not ${main?.type}`,
      'modules.0',
    );
  }
  if (main.type === 'commonjs') return modules;
  const isModule = formatOfSource(main.name, new TextDecoder().decode(main.content)) === 'modules';
  return isModule ? modules : [{ ...main, type: 'commonjs' }, ...modules.slice(1)];
}

function script(source: string): UploadModule {
  return { name: SCRIPT_NAME, type: 'esm', content: new TextEncoder().encode(source) };
}

function givenModules(modules: NonNullable<DeployParams['modules']>): UploadModule[] {
  const names = new Set<string>();
  return modules.map(({ name, type, content, encoding }, index) => {
    if (names.has(name)) throw invalid(`the module \`${name}\` was given twice`, `modules.${index}.name`);
    names.add(name);
    return { name, type, content: bytes(content, encoding, `modules.${index}.content`) };
  });
}

function bytes(content: string, encoding: 'utf8' | 'base64', path: string): Uint8Array {
  if (encoding === 'utf8') return new TextEncoder().encode(content);
  // Node skips what is not base64 without a word.
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(content) || content.length % 4 !== 0) {
    throw invalid(`\`${path}\` is not base64`, path);
  }
  return Buffer.from(content, 'base64');
}

export function invalid(message: string, path: string): SidecarError {
  return new SidecarError('invalid-params', `dashboard.deployWorker: ${message}.`, {
    data: { method: 'dashboard.deployWorker', issues: [{ path, code: 'custom', message }] },
  });
}
