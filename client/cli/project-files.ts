import { fileURLToPath } from 'node:url';

/** Whether this runs from the sources, or from the JavaScript that `dist/` holds, one folder deeper. */
const fromSources = import.meta.url.endsWith('.ts');

/** A file of the project that is no code, by its path from the project's root. */
export function projectFile(path: string): string {
  return fileURLToPath(new URL(fromSources ? `../../${path}` : `../../../${path}`, import.meta.url));
}

/** One of our programs, by its path from the project's root without the ending. */
export function projectProgram(path: string): string {
  return fileURLToPath(new URL(`../../${path}${fromSources ? '.ts' : '.js'}`, import.meta.url));
}
