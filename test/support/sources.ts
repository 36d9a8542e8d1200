import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** One import of a source file. Types alone leave nothing at run time. */
export interface Import {
  /** As written, or the path in this project when it is one of ours. */
  target: string;
  ours: boolean;
  typeOnly: boolean;
}

/** Every file that belongs to the project: tracked by git, or new and not ignored. */
export function projectFiles(): string[] {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' });
  return list.split('\n').filter((path) => path !== '' && existsSync(path));
}

const statement = /^[ \t]*(import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
const dynamic = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

/** The imports of a TypeScript or JavaScript file. */
export function importsOf(path: string): Import[] {
  const text = readFileSync(path, 'utf8');
  const found = [
    ...[...text.matchAll(statement)].map(([, , type, target = '']) => ({ target, typeOnly: type !== undefined })),
    ...[...text.matchAll(dynamic)].map(([, target = '']) => ({ target, typeOnly: false })),
  ];
  return found.map(({ target, typeOnly }) => {
    const ours = target.startsWith('.');
    return { target: ours ? posix.join(posix.dirname(path), target) : target, ours, typeOnly };
  });
}

/** The file and everything of ours that it needs at run time, each file once. */
export function reachableFrom(entry: string): string[] {
  const seen = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { target, ours, typeOnly } of importsOf(path)) if (ours && !typeOnly) visit(target);
  };
  visit(entry);
  return [...seen];
}
