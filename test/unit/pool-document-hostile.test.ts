import fc from 'fast-check';
import { parsePoolDocument } from '../../domain/pool-document/parse.ts';
import { parsePoolText } from '../../domain/pool-document/parse-text.ts';
import { specify } from '../../domain/pool-document/specify.ts';
import { propertyPath } from '../../domain/validation/path.ts';
import { armError, type Violation } from '../../domain/violation.ts';
import { testInstallation } from '../support/installation.ts';
import { validPoolDocument, withValue, type Steps } from '../support/pool-document.ts';

function violationsOf(input: unknown): Violation[] {
  const parsed = parsePoolDocument(input);
  return 'violations' in parsed ? parsed.violations : [];
}

/** Every place in a document. */
function places(value: unknown, path: Steps = []): Steps[] {
  if (typeof value !== 'object' || value === null) return [path];
  const children = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...children.flatMap(([step, child]) => places(child, [...path, step]))];
}

const anyPlace = fc.constantFrom(...places(validPoolDocument()));
const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.anything({ withDate: true, withMap: true, withBigInt: true, withSparseArray: true, maxDepth: 2 }),
  fc.constant(undefined),
);

test('whatever is changed in a document, the answer is a document or violations that say what and where', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyPlace, anyValue), { minLength: 1, maxLength: 3 }), (changes) => {
      let document: unknown = validPoolDocument();
      for (const [place, value] of changes) {
        try {
          document = withValue(document, place, value);
        } catch {
          // An earlier change took the place away.
        }
      }
      const parsed = parsePoolDocument(document);
      if ('document' in parsed) {
        expect(specify(parsed.document, testInstallation())).toBeDefined();
        return;
      }
      expect(parsed.violations.length).toBeGreaterThan(0);
      for (const { path, rule, message } of parsed.violations) {
        expect(typeof path).toBe('string');
        expect(rule).toMatch(/^[A-Z]\w+$/);
        expect(message).toMatch(/[.?]$/);
      }
      expect(() => JSON.stringify(armError(parsed.violations))).not.toThrow();
    }),
    { numRuns: 500 },
  );
});

test('a document that is accepted is accepted again as it was read', () => {
  fc.assert(
    fc.property(anyPlace, fc.jsonValue({ maxDepth: 2 }), (place, value) => {
      const parsed = parsePoolDocument(withValue(validPoolDocument(), place, value));
      if ('document' in parsed) expect(parsePoolDocument(parsed.document)).toEqual(parsed);
    }),
    { numRuns: 500 },
  );
});

test('a removed property is optional, or refused on the way to its place or below it', () => {
  for (const place of places(validPoolDocument())) {
    if (typeof place.at(-1) !== 'string') continue;
    const removed = propertyPath(place);
    for (const { path } of violationsOf(withValue(validPoolDocument(), place, undefined))) {
      expect(removed.startsWith(path) || path.startsWith(removed)).toBe(true);
    }
  }
});

describe('hostile input is refused and harms nothing', () => {
  test.each([[null], [undefined], [7], ['text'], [[]], [true], [() => 0], [new Map()], [Symbol('s')], [10n]])(
    'a document that is no object: %p',
    (input) => {
      expect(violationsOf(input).length).toBeGreaterThan(0);
    },
  );

  test('names that change what objects inherit', () => {
    const document: unknown = JSON.parse('{"__proto__":{"polluted":1},"tags":{"constructor":"x"}}');
    expect(violationsOf(document).map(({ path }) => path)).toEqual(['__proto__', 'tags.constructor']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(parsePoolText('__proto__: {polluted: 1}', 'pool.yaml')).toHaveProperty('violations');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('nesting beyond every stack, as data and as text', () => {
    let deep: unknown = {};
    for (let depth = 0; depth < 100_000; depth++) deep = { properties: deep };
    expect(violationsOf(deep)).toEqual([expect.objectContaining({ rule: 'TooLarge' })]);
    expect(parsePoolText('['.repeat(100_000), 'pool.json')).toHaveProperty('violations');
    expect(parsePoolText('{"a":'.repeat(100_000), 'pool.json')).toHaveProperty('violations');
  });

  test('a document that contains itself', () => {
    const document: Record<string, unknown> = validPoolDocument();
    document['properties'] = document;
    const rules = new Set(violationsOf(document).map(({ rule }) => rule));
    expect([...rules]).toEqual(['TooLarge']);
  });

  test('aliases that unfold to a billion values', () => {
    const laughs = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 10; level++) {
      const [name, of] = ['abcdefghij'[level], 'abcdefghij'[level - 1]];
      laughs.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${of}`).join(', ')}]`);
    }
    expect(parsePoolText(laughs.join('\n'), 'pool.yaml')).toEqual({
      violations: [expect.objectContaining({ rule: 'TooLarge' })],
    });
  });

  test('text and data that are too large', () => {
    expect(parsePoolText('#'.repeat(10_000_000), 'pool.yaml')).toEqual({
      violations: [expect.objectContaining({ rule: 'TooLarge', message: expect.stringContaining('pool.yaml') })],
    });
    expect(violationsOf({ tags: Array.from({ length: 1_000_000 }, () => 0) })).toEqual([
      expect.objectContaining({ rule: 'TooLarge' }),
    ]);
  });

  test('long strings, which no pattern is tried on', () => {
    const document = withValue(validPoolDocument(), ['name'], 'a'.repeat(10_000_000));
    const [violation, ...others] = violationsOf(document);
    expect(others).toEqual([]);
    expect(violation).toMatchObject({ path: 'name', rule: 'TooLong' });
    expect(String(violation?.value).length).toBeLessThan(200);
  });

  test('ten thousand mistakes make an answer that still travels', () => {
    const document = withValue(
      validPoolDocument(),
      ['tags'],
      Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`tag${index}`, index])),
    );
    const body = armError(violationsOf(document));
    expect(JSON.stringify(body).length).toBeLessThan(100_000);
    expect(body.error.message).toContain('10001 rules');
  });
});

describe('text', () => {
  test('is YAML or JSON', () => {
    const json = JSON.stringify(validPoolDocument());
    expect(parsePoolText(json, 'pool.json')).toEqual({ document: validPoolDocument() });
  });
  test.each([
    ['name: [a\nlocation: b', /^pool\.yaml:2:1: /],
    ['name: a\nname: b', /^pool\.yaml:2:1: .*unique/],
    ['name: a\n--- \nname: b', /^pool\.yaml:3:1: |^pool\.yaml:2:1: /],
  ])('%j is refused with file, line and column', (text, says) => {
    expect(parsePoolText(text, 'pool.yaml')).toEqual({
      violations: [expect.objectContaining({ rule: 'SyntaxError', message: expect.stringMatching(says) })],
    });
  });
  test('that is empty is refused', () => {
    expect(parsePoolText('# nothing\n', 'pool.yaml')).toEqual({
      violations: [expect.objectContaining({ rule: 'Required' })],
    });
  });
});
