// Compiles src/transport/json-depth.wat into the module that carries it. `npm run wasm`, after a change of the .wat; a
// test holds the two together.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import createWabt from 'wabt';

const source = fileURLToPath(new URL('../src/transport/json-depth.wat', import.meta.url));
export const target = fileURLToPath(new URL('../src/transport/json-depth-wasm.ts', import.meta.url));

/** The text of `json-depth-wasm.ts`. */
export async function compileJsonDepth() {
  const wabt = await createWabt();
  const parsed = wabt.parseWat('json-depth.wat', await readFile(source, 'utf8'), { simd: true });
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  const lines =
    Buffer.from(buffer)
      .toString('base64')
      .match(/.{1,96}/g) ?? [];
  const text = lines.map((line) => `  '${line}'`).join(' +\n');
  return `// Made from json-depth.wat by scripts/write-json-depth.js.\nexport const JSON_DEPTH_WASM =\n${text};\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(target, await compileJsonDepth());
