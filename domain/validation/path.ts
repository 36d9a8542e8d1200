/** A step into a document: a property's name or an item's index. */
export type PathStep = string | number;

const longestName = 80;

/** The path as people write it: `properties.fabricProfile.images[1].buffer`; names that are no words are quoted. */
export function propertyPath(steps: readonly PropertyKey[]): string {
  let path = '';
  for (const step of steps) {
    if (typeof step === 'number') path += `[${step}]`;
    else {
      const name = String(step);
      const short = name.length > longestName ? `${name.slice(0, longestName)}…` : name;
      if (!/^[\w$]+$/.test(short)) path += `[${JSON.stringify(short)}]`;
      else path += path === '' ? short : `.${short}`;
    }
  }
  return path;
}

/** The value at the end of the steps, following own properties only; `undefined` where there is none. */
export function valueAt(input: unknown, ...steps: readonly PropertyKey[]): unknown {
  let value = input;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

/** The array at the end of the steps; empty where there is none. */
export function arrayAt(input: unknown, ...steps: readonly PropertyKey[]): readonly unknown[] {
  const value = valueAt(input, ...steps);
  return Array.isArray(value) ? (value as unknown[]) : [];
}
