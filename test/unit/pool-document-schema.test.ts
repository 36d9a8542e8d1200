import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { poolJsonSchema, poolReference } from '../../scripts/pool-reference.ts';
import { validPoolDocument, withValue } from '../support/pool-document.ts';

const howToUpdate = 'run `node scripts/generate-schema.ts`';

test(`schemas/pool.schema.json is what the code says (${howToUpdate})`, () => {
  expect(readFileSync('schemas/pool.schema.json', 'utf8')).toBe(poolJsonSchema());
});

test(`docs/reference/pool-document.md is what the code says (${howToUpdate})`, () => {
  expect(readFileSync('docs/reference/pool-document.md', 'utf8')).toBe(poolReference());
});

describe('the JSON schema, as another validator reads it', () => {
  const validate = new Ajv({ strict: false, allErrors: true }).compile(JSON.parse(poolJsonSchema()) as object);

  test('accepts the sample and a valid document', () => {
    expect(validate(parse(readFileSync('samples/pool.yaml', 'utf8')))).toBe(true);
    expect(validate(validPoolDocument())).toBe(true);
  });

  test.each([
    [['properties', 'maximumConcurrency'], 0],
    [['properties', 'colour'], 'red'],
    [['properties', 'agentProfile', 'kind'], 'Stateles'],
    [['properties', 'fabricProfile', 'images', 0, 'buffer'], '101'],
  ])('refuses %j as %j', (steps, value) => {
    expect(validate(withValue(validPoolDocument(), steps, value))).toBe(false);
  });
});
