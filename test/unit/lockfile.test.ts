import { readFileSync } from 'node:fs';

interface Entry {
  version?: string;
  resolved?: string;
  integrity?: string;
  license?: string;
  optional?: boolean;
  link?: boolean;
  inBundle?: boolean;
  optionalDependencies?: Record<string, string>;
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Entry> };
const entries = Object.entries(lock.packages).filter(([path]) => path !== '');

/** Permissive licences, and CC-BY-4.0, which is a licence of data. */
const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC-BY-4.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
]);

/** Packages whose package.json names no licence; what their licence file says. */
const unnamed: Record<string, string> = { 'node_modules/unionfs': 'Unlicense' };

/** One licence, or an expression of which one side is enough (OR) or every side counts (AND). */
function isAllowed(expression: string): boolean {
  const plain = expression.replaceAll(/[()]/g, '');
  if (plain.includes(' OR ')) return plain.split(' OR ').some(isAllowed);
  return plain.split(' AND ').every((part) => allowed.has(part.trim()));
}

describe('package-lock.json', () => {
  test('pins every package by its SHA-512', () => {
    const bare = entries.filter(([, entry]) => !entry.inBundle && !entry.integrity?.startsWith('sha512-'));
    expect(bare.map(([path]) => path)).toEqual([]);
    expect(entries.length).toBeGreaterThan(300);
  });

  test('names no host that packages come from', () => {
    expect(entries.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
  });

  test('has only licences that allow what Apache-2.0 allows', () => {
    const named = entries.map(([path, { license }]) => ({ path, license: license ?? unnamed[path] ?? 'none' }));
    expect(named.filter(({ license }) => !isAllowed(license))).toEqual([]);
  });

  test('holds the binaries of every platform, so that a clean install works on each', () => {
    // Only direct names of platform packages: an optional dependency that is no binary may be left out by npm.
    const isBinary = (name: string) => /(linux|darwin|win32|freebsd|android|wasm32|openharmony)/.test(name);
    const missing = entries.flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter(isBinary)
        .filter((name) => !entries.some(([other]) => other.endsWith(`node_modules/${name}`)))
        .map((name) => `${path} wants ${name}`),
    );
    expect(missing).toEqual([]);
  });

  test("has Temporal's packages at one version", () => {
    const versions = entries
      .filter(([path]) => /^node_modules\/@temporalio\/[^/]+$/.test(path))
      .map(([, { version }]) => version);
    expect(versions.length).toBeGreaterThan(5);
    expect(new Set(versions).size).toBe(1);
  });

  test('agrees with package.json', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>;
    const root = lock.packages[''] as Record<string, unknown>;
    expect(root['dependencies']).toEqual(manifest['dependencies']);
    expect(root['devDependencies']).toEqual(manifest['devDependencies']);
  });
});
