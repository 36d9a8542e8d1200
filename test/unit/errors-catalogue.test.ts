import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { calls } from '../../activities/errors/calls.ts';
import { errorTable } from '../../activities/errors/table.ts';
import { hintOf, isRetried, knownErrorCodes, surfacedErrors } from '../../domain/error-catalogue.ts';
import { clientErrors } from '../../domain/errors/client-errors.ts';
import { outsideErrors } from '../../domain/errors/outside-errors.ts';
import { ownErrors } from '../../domain/errors/own-errors.ts';
import { violationRules } from '../../domain/violation.ts';
import { projectFiles } from '../support/sources.ts';

/** The product's own text, without comments: they may speak of what others throw. */
const sources = projectFiles()
  .filter((path) => /^(activities|workflows|workers|client|domain)\/.*\.ts$/.test(path))
  .map((path) => ({ path, text: withoutComments(readFileSync(path, 'utf8')) }));

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1');
}

/** Everything that a pattern's first group matches in the sources, with where. */
function found(pattern: RegExp, within: (path: string) => boolean = () => true): { path: string; what: string }[] {
  return sources
    .filter(({ path }) => within(path))
    .flatMap(({ path, text }) => [...text.matchAll(pattern)].map((match) => ({ path, what: match[1] ?? match[0] })));
}

describe('the error catalogue', () => {
  test('gives every code a class, a hint in one or two sentences, and one of the two kinds of end', () => {
    for (const [code, { hint, retryAfterMs = 0 }] of Object.entries(surfacedErrors)) {
      expect(code).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(hint).toMatch(/^[A-Z].*[.]$/);
      expect(hint).not.toMatch(/\n|undefined/);
      expect(retryAfterMs).toBeGreaterThanOrEqual(0);
      expect(typeof isRetried(code as keyof typeof surfacedErrors)).toBe('boolean');
    }
    for (const { hint, when } of Object.values(clientErrors)) {
      expect(hint).toMatch(/[.]$/);
      expect(when).toMatch(/^[A-Z`].*[.]$/);
    }
  });

  test('knows outside errors and own ones apart', () => {
    expect(Object.keys(ownErrors).filter((code) => code in outsideErrors)).toEqual([]);
  });

  test('has a hint for every known code', () => {
    expect([...knownErrorCodes].filter((code) => !hintOf(code))).toEqual([]);
    expect(hintOf('NeverHeardOf')).toBeUndefined();
  });

  test('keeps the rules that a document can break apart', () => {
    for (const [rule, meaning] of Object.entries(violationRules)) {
      expect(knownErrorCodes.has(rule)).toBe(false);
      expect(meaning).toMatch(/^[A-Z].*[.]$/);
    }
  });

  test('has a row for every outside error', () => {
    const met = new Set<string>(errorTable.map(({ code }) => code));
    expect(Object.keys(outsideErrors).filter((code) => !met.has(code))).toEqual([]);
  });
});

describe('no error is raised that is not in the catalogue', () => {
  test('failures of the engine are made in three places, which take code, class and hint from it', () => {
    const makers = found(
      /\bApplicationFailure\.(?:create|retryable|nonRetryable|fromError)\(|new ApplicationFailure\(/g,
    );
    expect([...new Set(makers.map(({ path }) => path))].toSorted()).toEqual([
      'activities/devops/observer.ts',
      'activities/errors.ts',
      'workflows/failures.ts',
    ]);
  });

  test('the SDK and the command line raise known codes only', () => {
    const raised = found(/new OdpError\(\s*([^,)]+)/g).filter(({ path }) => path !== 'client/sdk/error.ts');
    const literal = raised.map(({ path, what }) => ({ path, code: /^'(\w+)'$/.exec(what)?.[1] ?? what }));
    expect(literal.filter(({ code }) => !knownErrorCodes.has(code))).toEqual([]);
    const inside = found(/new OdpError\(\s*'(\w+)'/g, (path) => path === 'client/sdk/error.ts');
    expect(inside.filter(({ what }) => !knownErrorCodes.has(what))).toEqual([]);
  });

  test('every own error is raised somewhere', () => {
    const raised = new Set([
      ...found(/\b(?:ownFailure|failureWith|failure)\(\s*'(\w+)'/g).map(({ what }) => what),
      ...found(/\? 'Unexpected' : '(\w+)'/g, (path) => path.startsWith('workflows/')).map(({ what }) => what),
    ]);
    expect(Object.keys(ownErrors).filter((code) => !raised.has(code))).toEqual([]);
  });

  test('every error of the SDK and the command line is raised somewhere', () => {
    const raised = new Set(found(/new OdpError\(\s*'(\w+)'/g).map(({ what }) => what));
    expect(Object.keys(clientErrors).filter((code) => !raised.has(code))).toEqual([]);
  });

  test('every call that fails is told by a name of the catalogue, and every name is used', () => {
    const named = [
      ...found(/\b(?:captured|classified)\(\s*'([\w.]+)'/g),
      ...found(/\.call\(\s*'([\w.]+)'/g),
      ...found(/\btoApplicationFailure\(\s*\w+,\s*'([\w.]+)'/g),
      ...found(/\b(?:had|whole)\([^;]*?'(\w+[._]\w+)'/g, (path) => path.startsWith('activities/audit/')),
      // The constants of the calls on machines.
      ...found(/^\s+\w+: '(virtualMachines\.\w+)',$/gm, (path) => path === 'activities/azure/machines.ts'),
    ].filter(({ path }) => path.startsWith('activities/'));
    expect(named.filter(({ what }) => !(what in calls))).toEqual([]);
    const used = new Set(named.map(({ what }) => what));
    expect(Object.keys(calls).filter((call) => !used.has(call))).toEqual([]);
  });
});
