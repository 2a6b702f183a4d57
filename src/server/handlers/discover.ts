import * as z from 'zod';
import { ERRORS, type MethodDefinition, methods, type Result } from '../../protocol/index.js';
import { VERSION } from '../../version.js';

/** The contract as an OpenRPC document (https://spec.open-rpc.org). */
export function discover(): Result<'rpc.discover'> {
  return {
    openrpc: '1.3.2',
    info: {
      title: 'fluorite-flake',
      version: VERSION,
      description: 'Cloudflare Workers, R2 and KV over JSON-RPC 2.0, framed with Content-Length as in LSP.',
    },
    methods: Object.entries(methods).map(([name, definition]) => describe(name, definition)),
  };
}

function describe(
  name: string,
  { summary, params, result, errors, repeatable, effect, timeoutMs }: MethodDefinition,
) {
  const schema = schemaOf(params, 'input');
  const required = new Set((schema.required as string[] | undefined) ?? []);
  const properties = Object.entries((schema.properties as Record<string, unknown> | undefined) ?? {});
  return {
    name,
    summary,
    paramStructure: 'by-name',
    params: properties.map(([param, type]) => ({ name: param, required: required.has(param), schema: type })),
    result: { name: 'result', schema: schemaOf(result, 'output') },
    errors: errors.map((code) => ({ code: ERRORS[code].number, message: code, data: { code } })),
    'x-repeatable': repeatable,
    'x-effect': effect,
    'x-timeout-ms': timeoutMs,
  };
}

function schemaOf(type: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  // What JSON Schema cannot say, such as a refinement, is left out: the server checks it all the same.
  const { $schema, ...schema } = z.toJSONSchema(type, { io, unrepresentable: 'any' });
  return schema;
}
