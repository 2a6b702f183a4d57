import { z } from 'zod';
import * as resources from '../../src/protocol/resources.js';

/** JSON Schema as zod writes it, as far as the contract uses it. */
export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  format?: string;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
}

/** The shapes that have a name of their own, in the order of `resources.ts`. */
export const namedShapes: ReadonlyMap<string, z.ZodType> = new Map(
  Object.entries(resources).map(([name, shape]) => [name, shape()]),
);

const names = z.registry<{ id: string }>();
for (const [name, shape] of namedShapes) names.add(shape, { id: name });

/** A schema whose named parts are references. `io`: as the caller writes it, or as the handler returns it. */
export function jsonSchema(type: z.ZodType, io: 'input' | 'output'): JsonSchema {
  return z.toJSONSchema(type, { io, metadata: names, unrepresentable: 'any' }) as JsonSchema;
}

/** The schema of a named shape itself, not a reference to it. */
export function shapeSchema(name: string): JsonSchema {
  const type = namedShapes.get(name);
  if (type === undefined) throw new Error(`There is no shape ${name}.`);
  const schema = z.toJSONSchema(type, {
    io: 'input',
    metadata: names,
    unrepresentable: 'any',
  }) as JsonSchema & {
    $defs?: Record<string, JsonSchema>;
  };
  return schema.$ref === undefined ? schema : (schema.$defs?.[name] ?? schema);
}

/** A type as TypeScript would write it, on one line. */
export function typeText(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return schema.$ref.replace('#/$defs/', '');
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(literal).join(' | ');
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return options.map(typeText).join(' | ');
  if (schema.type === 'array') return arrayText(schema.items ?? {});
  if (schema.type === 'object') return objectText(schema);
  return [schema.type ?? 'unknown'].flat().map(numberText).join(' | ');
}

/** JSON Schema tells whole numbers apart, TypeScript does not. */
function numberText(type: string): string {
  return type === 'integer' ? 'number' : type;
}

function literal(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
}

function arrayText(items: JsonSchema): string {
  const text = typeText(items);
  return /[|]/.test(text) && !text.startsWith('{') ? `(${text})[]` : `${text}[]`;
}

function objectText({ properties, required = [], additionalProperties }: JsonSchema): string {
  const fields = Object.entries(properties ?? {});
  if (fields.length === 0) {
    return typeof additionalProperties === 'object'
      ? `Record<string, ${typeText(additionalProperties)}>`
      : '{}';
  }
  const texts = fields.map(
    ([name, field]) => `${name}${required.includes(name) ? '' : '?'}: ${typeText(field)}`,
  );
  return `{ ${texts.join(', ')} }`;
}

/** What a schema says beyond its type, in words. */
export function constraintText(schema: JsonSchema): string {
  const words: string[] = [];
  if (schema.format === 'date') words.push('a date, `YYYY-MM-DD`');
  if (schema.minimum !== undefined && schema.minimum > 0) words.push(`at least ${schema.minimum}`);
  if (schema.exclusiveMinimum !== undefined && schema.exclusiveMinimum > 0) words.push('positive');
  if (schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER) {
    words.push(`at most ${schema.maximum}`);
  }
  if (schema.maxLength !== undefined) words.push(`at most ${schema.maxLength} characters`);
  else if (schema.minLength !== undefined) words.push('not empty');
  if (schema.minItems !== undefined) words.push('not empty');
  return words.join(', ');
}
