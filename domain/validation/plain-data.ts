import type { Violation } from '../violation.ts';
import { propertyPath, type PathStep } from './path.ts';

/** No document of ours nests deeper than 12; the bound keeps hostile input from exhausting the stack. */
const maximumDepth = 40;

/** The largest allowed pool document (100 images with 20 aliases each) has fewer than 5,000 values. */
const maximumValues = 50_000;

/** Names that JavaScript gives a meaning of its own: no document needs them. */
const reservedNames = new Set(['__proto__', 'constructor', 'prototype']);

/** What `plainData` found. */
export interface PlainData {
  /** A copy without `null` properties. */
  value: unknown;
  violations: Violation[];
}

/**
 * Copies untrusted input as plain JSON data before anything else looks at it: bounded in depth and size, without
 * inherited or reserved names. A property that is `null` counts as absent, for ARM's clients write `null` for what is
 * not set; inside maps of free names (`keepNullIn`) and arrays a `null` stays and is judged like any other value.
 */
export function plainData(input: unknown, keepNullIn: ReadonlySet<string> = new Set()): PlainData {
  const violations: Violation[] = [];
  let values = 0;

  function copy(value: unknown, path: PathStep[]): unknown {
    values += 1;
    if (values > maximumValues || value === null || typeof value === 'boolean' || typeof value === 'string') {
      return value;
    }
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    if (typeof value !== 'object' || !isPlain(value)) {
      violations.push(violation(path, 'WrongType', 'It is not plain data. Only JSON values can be used here.'));
      return undefined;
    }
    if (path.length >= maximumDepth) {
      violations.push(violation(path, 'TooLarge', `It nests deeper than ${maximumDepth} levels.`));
      return undefined;
    }
    if (Array.isArray(value)) return value.map((item, index) => copy(item, [...path, index]));
    return copyObject(value, path);
  }

  function copyObject(value: object, path: PathStep[]): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const keepNull = path.some((step) => typeof step === 'string' && keepNullIn.has(step));
    for (const [name, item] of Object.entries(value)) {
      if (values > maximumValues) break;
      if (reservedNames.has(name)) {
        violations.push(violation([...path, name], 'UnknownProperty', `'${name}' cannot be used as a name.`));
      } else if (item !== undefined && (item !== null || keepNull)) {
        result[name] = copy(item, [...path, name]);
      }
    }
    return result;
  }

  const value = copy(input, []);
  if (values <= maximumValues) return { value, violations };
  const message = `The document holds more than ${maximumValues} values; no valid one needs as many.`;
  return { value: undefined, violations: [violation([], 'TooLarge', message)] };
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm (a test's sandbox) have another Object.prototype; it is the one without a prototype.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function violation(path: PathStep[], rule: Violation['rule'], message: string): Violation {
  return { path: propertyPath(path), rule, message };
}
