import { writeFileSync } from 'node:fs';
import { cliReference } from './cli-reference.ts';

// node scripts/generate-cli-reference.ts writes docs/cli.md.
writeFileSync(new URL('../docs/cli.md', import.meta.url), cliReference());
