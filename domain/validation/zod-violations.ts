import type { z } from 'zod';
import type { Rule, Violation } from '../violation.ts';
import { propertyPath, valueAt } from './path.ts';
import { didYouMean } from './spelling.ts';

/** What zod reports, as far as it is read here. */
type Issue = z.core.$ZodIssue;

/** How to speak of one document. */
export interface ViolationOptions {
  /** Says more about a property that the schema does not know, such as the api-version that added it. */
  explainUnknown?: (path: string, name: string) => string | undefined;
  /** True where a value must not be repeated, for somebody may have put a secret there. */
  hideValue?: (path: string) => boolean;
}

/** Zod's issues as violations: all of them, each with its path, a stable rule and what would be right. */
export function violationsOfZod(
  schema: z.ZodType,
  error: z.ZodError,
  input: unknown,
  options: ViolationOptions = {},
): Violation[] {
  const violations = error.issues.flatMap((issue) => violationsOfIssue(schema, issue, input, options));
  // One number can miss two bounds that say the same.
  return [...new Map(violations.map((violation) => [`${violation.path} ${violation.message}`, violation])).values()];
}

function violationsOfIssue(schema: z.ZodType, issue: Issue, input: unknown, options: ViolationOptions): Violation[] {
  if (issue.code === 'unrecognized_keys') {
    const known = propertiesAt(schema, issue.path, input);
    return issue.keys.map((name) => {
      const path = propertyPath([...issue.path, name]);
      return { path, rule: 'UnknownProperty', message: unknownProperty(path, name, known, options) };
    });
  }
  const value = valueAt(input, ...issue.path);
  const path = propertyPath(issue.path);
  const { rule, message } = judge(issue, value);
  const shown = options.hideValue?.(path) === true ? undefined : shownValue(value);
  return [shown === undefined ? { path, rule, message } : { path, rule, message, value: shown }];
}

function unknownProperty(path: string, name: string, known: string[], options: ViolationOptions): string {
  const explained = options.explainUnknown?.(path, name);
  if (explained !== undefined) return explained;
  const near = didYouMean(name, known);
  if (near !== undefined) return `There is no such property. Did you mean '${near}'?`;
  return known.length > 0
    ? `There is no such property. Known here: ${known.join(', ')}.`
    : 'There is no such property. Remove it.';
}

function judge(issue: Issue, value: unknown): { rule: Rule; message: string } {
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined
        ? { rule: 'Required', message: `It is required: ${article(issue.expected)}.` }
        : { rule: 'WrongType', message: `It is ${article(typeName(value))}; it must be ${article(issue.expected)}.` };
    case 'invalid_union':
      return judgeUnion(issue, value);
    case 'invalid_value':
      return { rule: value === undefined ? 'Required' : 'NotAllowedValue', message: oneOf(issue.values, value) };
    case 'too_big':
    case 'too_small':
      return { rule: sizeRule(issue.origin, issue.code), message: issue.message };
    case 'invalid_format':
      return { rule: 'PatternMismatch', message: issue.message };
    case 'invalid_key':
      return judgeKey(issue);
    case 'custom':
      return { rule: (issue.params?.['rule'] as Rule | undefined) ?? 'PatternMismatch', message: issue.message };
    default:
      return { rule: 'PatternMismatch', message: issue.message };
  }
}

function judgeUnion(issue: Extract<Issue, { code: 'invalid_union' }>, value: unknown): { rule: Rule; message: string } {
  if ('discriminator' in issue && 'options' in issue && Array.isArray(issue.options)) {
    return { rule: value === undefined ? 'Required' : 'NotAllowedValue', message: oneOf(issue.options, value) };
  }
  return { rule: value === undefined ? 'Required' : 'WrongType', message: issue.message };
}

/** A map's name that breaks a rule: the path ends in the name, so its value is not what is wrong. */
function judgeKey(issue: Extract<Issue, { code: 'invalid_key' }>): { rule: Rule; message: string } {
  return { rule: 'PatternMismatch', message: issue.issues[0]?.message ?? issue.message };
}

function sizeRule(origin: string, code: 'too_big' | 'too_small'): Rule {
  if (origin === 'string') return code === 'too_big' ? 'TooLong' : 'Required';
  if (origin === 'array' || origin === 'record' || origin === 'object')
    return code === 'too_big' ? 'TooMany' : 'TooFew';
  return 'OutOfRange';
}

function oneOf(allowed: readonly unknown[], value: unknown): string {
  const names = allowed.map(String);
  const list = names.length === 1 ? `It must be ${names.join()}.` : `It must be one of ${names.join(', ')}.`;
  const near = typeof value === 'string' ? didYouMean(value, names) : undefined;
  return near === undefined || names.length === 1 ? list : `${list} Did you mean '${near}'?`;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

const articles: Record<string, string> = {
  null: 'null',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  int: 'a whole number',
  boolean: 'true or false',
};

function article(type: string): string {
  return articles[type] ?? `a ${type}`;
}

const longestValue = 100;

/** A value worth repeating: short and simple; anything else is left out. */
export function shownValue(value: unknown): string | number | boolean | undefined {
  if (typeof value === 'string') return value.length > longestValue ? `${value.slice(0, longestValue)}…` : value;
  return typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
}

/** The names of the properties that the schema knows at the path; empty where names are free. */
export function propertiesAt(schema: z.ZodType, path: readonly PropertyKey[], input: unknown): string[] {
  let current: unknown = schema;
  for (let depth = 0; ; depth++) {
    current = resolve(current, valueAt(input, ...path.slice(0, depth)));
    const step = path[depth];
    const shape = definition(current)['shape'] as Record<PropertyKey, unknown> | undefined;
    if (step === undefined) return Object.keys(shape ?? {});
    current = shape?.[step] ?? definition(current)['element'] ?? definition(current)['valueType'];
  }
}

/** Takes wrappers off, and chooses the option of a discriminated union by the input's discriminator. */
function resolve(schema: unknown, input: unknown): unknown {
  const { innerType, options, discriminator } = definition(schema);
  if (innerType !== undefined) return resolve(innerType, input);
  if (!Array.isArray(options) || typeof discriminator !== 'string') return schema;
  const kind = valueAt(input, discriminator);
  return (options as unknown[]).find((option) => {
    const shape = definition(option)['shape'] as Record<string, unknown> | undefined;
    const { values } = definition(shape?.[discriminator]);
    return Array.isArray(values) && values.includes(kind);
  });
}

function definition(schema: unknown): Record<string, unknown> {
  return (valueAt(schema, 'def') ?? {}) as Record<string, unknown>;
}
