/** Part of the build: what runs on machines is no TypeScript, and belongs beside the code that sends it. */
import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = 'activities/azure/bootstrap';
cpSync(`${root}${folder}`, `${root}dist/${folder}`, {
  recursive: true,
  filter: (path) => !/\.\w+$/.test(path) || /\.(sh|ps1)$/.test(path),
});
