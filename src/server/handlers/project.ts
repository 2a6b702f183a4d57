import * as project from '../../project/create.js';
import type { ParsedParams, Result } from '../../protocol/index.js';
import type { CallContext, ServerServices } from '../context.js';

export function createProject(
  { cwd }: ServerServices,
  params: ParsedParams<'project.create'>,
  { signal, progress }: CallContext,
): Promise<Result<'project.create'>> {
  return project.createProject(params, { cwd, signal, progress });
}
