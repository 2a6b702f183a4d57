import * as z from 'zod';
import { type CallableMethod, methods } from '../../src/protocol/index.js';

interface Schema {
  type?: string;
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | false;
  required?: string[];
  oneOf?: Schema[];
}

/** One of each type of JSON. */
const VALUES = { null: null, boolean: true, number: 1.5, string: 'x', array: [], object: {} };

/** What is wrong and the params with it, for every kind of fault that the schema of `method` can tell. */
export function* badParams(method: CallableMethod, valid: object): Generator<readonly [string, unknown]> {
  const schema = z.toJSONSchema(methods[method].params, { io: 'input', unrepresentable: 'any' }) as Schema;
  for (const [type, value] of Object.entries(VALUES)) {
    // Absent params, null among them, are an empty object.
    if (type !== 'object' && type !== 'null') yield [`params: a ${type}`, value];
  }
  yield [`params: an unknown key`, { ...valid, unknown: 1 }];
  for (const name of schema.required ?? []) {
    const { [name as never]: _, ...without } = valid;
    yield [`${name}: missing`, without];
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    for (const [what, value] of wrongValues(property))
      yield [`${name}: ${what}`, { ...valid, [name]: value }];
  }
}

function* wrongValues(schema: Schema): Generator<readonly [string, unknown]> {
  const { type, pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY, minimum, maximum } = schema;
  const accepted = type === 'integer' ? 'number' : (type ?? schema.oneOf?.[0]?.type);
  // It takes anything.
  if (accepted === undefined) return;
  for (const [name, value] of Object.entries(VALUES)) if (name !== accepted) yield [`a ${name}`, value];
  if (type === 'integer') yield ['a fraction', 99.5];
  if (schema.enum !== undefined || pattern !== undefined) yield ['no such value', '\n none such \u{1f600}'];
  if (pattern !== undefined || minLength > 0) yield ['empty', ''];
  if (Number.isFinite(maxLength)) yield ['too long', 'x'.repeat(maxLength + 1)];
  if (minimum !== undefined) yield ['too small', minimum - 1];
  if (maximum !== undefined) yield ['too large', maximum + 1];
  if (schema.items !== undefined) {
    for (const [what, value] of wrongValues(schema.items)) yield [`an array with ${what}`, [value]];
  }
  if (schema.properties !== undefined) yield ['an unknown key', { unknown: 1 }];
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    for (const [what, value] of wrongValues(property)) yield [`${name}: ${what}`, { [name]: value }];
  }
  if (schema.additionalProperties) {
    for (const [what, value] of wrongValues(schema.additionalProperties))
      yield [`any: ${what}`, { any: value }];
  }
}
