import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { poolJsonSchema, poolReference } from './pool-reference.ts';

/** Writes what is generated from the schema of the pool document: `node scripts/generate-schema.ts`, from the root. */
const files: Record<string, string> = {
  'schemas/pool.schema.json': poolJsonSchema(),
  'docs/reference/pool-document.md': poolReference(),
};

for (const [file, content] of Object.entries(files)) {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  process.stderr.write(`wrote ${file}\n`);
}
