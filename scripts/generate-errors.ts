import { mkdirSync, writeFileSync } from 'node:fs';
import { errorsReference } from './errors-reference.ts';

// node scripts/generate-errors.ts writes docs/reference/errors.md.
const folder = new URL('../docs/reference/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('errors.md', folder), errorsReference());
