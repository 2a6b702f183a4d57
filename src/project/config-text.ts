import {
  findNodeAtLocation,
  getNodeValue,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { parse as parseToml, TomlError } from 'smol-toml';
import { SidecarError } from '../protocol/index.js';
import { tomlLineOf } from './toml-lines.js';

/** A parsed configuration file and where its fields stand. */
export interface ConfigText {
  value: unknown;
  /** The 1-based line of a field, or of the closest one above it in the tree that is in the text. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

/** @throws SidecarError `config-invalid` with `data.file`, `data.line` and `data.column`. */
export function parseConfigText(file: string, text: string): ConfigText {
  return file.endsWith('.toml') ? parseTomlText(file, text) : parseJsoncText(file, text);
}

function parseJsoncText(file: string, text: string): ConfigText {
  const errors: ParseError[] = [];
  // The tree is used because its values have no prototype: a key such as __proto__ is only a key.
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first) throw syntaxError(file, positionOf(text, first.offset), printParseErrorCode(first.error));
  if (!root) throw syntaxError(file, { line: 1, column: 1 }, 'the file is empty');
  return {
    value: getNodeValue(root),
    lineOf(path) {
      for (let length = path.length; length > 0; length--) {
        const node = findNodeAtLocation(root, path.slice(0, length) as (string | number)[]);
        if (node) return positionOf(text, node.offset).line;
      }
      return undefined;
    },
  };
}

function parseTomlText(file: string, text: string): ConfigText {
  try {
    return { value: parseToml(text), lineOf: (path) => tomlLineOf(text, path) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ''] = error.message.split('\n');
    throw syntaxError(file, error, reason.replace('Invalid TOML document: ', ''), error);
  }
}

function syntaxError(file: string, at: { line: number; column: number }, reason: string, cause?: unknown) {
  return new SidecarError('config-invalid', `${file}:${at.line}:${at.column}: cannot be parsed: ${reason}.`, {
    data: { file, line: at.line, column: at.column },
    cause,
  });
}

function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}
