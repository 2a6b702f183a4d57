import { isBuiltin } from 'node:module';
import { relative } from 'node:path';
import type { BuildFailure, Message } from 'esbuild';
import { SidecarError } from '../protocol/index.js';

const SHOWN_ERRORS = 5;

/** One place where esbuild gave up. `line` counts from 1, `column` from 0. */
export interface BuildError {
  file?: string;
  line?: number;
  column?: number;
  text: string;
}

/** esbuild's failure as `build-failed` with `data.errors`; anything else passes through unchanged. */
export function buildFailed(entry: string, folder: string, failure: unknown): unknown {
  if (!isBuildFailure(failure)) return failure;
  const errors = failure.errors.map(buildError);
  const listed = errors.slice(0, SHOWN_ERRORS).map(describe);
  const more = errors.length > SHOWN_ERRORS ? ` (and ${errors.length - SHOWN_ERRORS} more)` : '';
  return new SidecarError(
    'build-failed',
    `Could not bundle ${relative(folder, entry) || entry}: ${listed.join('; ')}${more}`,
    { data: { errors }, cause: failure },
  );
}

/** The files in which esbuild gave up. */
export function failedFiles(failure: unknown): string[] {
  if (!isBuildFailure(failure)) return [];
  return [...new Set(failure.errors.flatMap(({ location }) => location?.file ?? []))];
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

function buildError({ location, text }: Message): BuildError {
  const told = withAdvice(text);
  if (!location) return { text: told };
  return { file: location.file, line: location.line, column: location.column, text: told };
}

function withAdvice(text: string): string {
  const [, name] = /^Could not resolve "([^"]+)"/.exec(text) ?? [];
  if (name === undefined || !isBuiltin(name)) return text;
  return `${text} (it is a module of Node: add the compatibility flag nodejs_compat, with a compatibility date of 2024-09-23 or later)`;
}

export function describe({ file, line, column, text }: BuildError): string {
  return file === undefined ? text : `${file}:${line}:${column}: ${text}`;
}
