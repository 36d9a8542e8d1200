import { Refusal } from './errors.ts';

/** A JSON object of a request, of which nothing is known. */
export type Input = Readonly<Record<string, unknown>>;

/** The object that `value` is, or an empty one. */
export function asObject(value: unknown): Input {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** The list that `value` is: plain, or wrapped as `{count, value}`. */
export function asList(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  const wrapped = asObject(value)['value'];
  return Array.isArray(wrapped) ? wrapped : [];
}

/** The text at `name`, when there is one. */
export function textAt(input: Input, name: string): string | undefined {
  const value = input[name];
  return typeof value === 'string' ? value : undefined;
}

/** The text at `name`; refuses the request without it. */
export function requiredText(input: Input, name: string): string {
  const value = textAt(input, name)?.trim();
  if (value === undefined || value === '') {
    throw new Refusal('VssPropertyValidationException', `Value cannot be null or empty. Parameter name: ${name}`);
  }
  return value;
}

/** The whole number at `name`, also when it came as text. */
export function integerAt(input: Input, name: string): number | undefined {
  const value = input[name];
  return toInteger(typeof value === 'string' || typeof value === 'number' ? String(value) : undefined);
}

/** The whole number that `text` spells. */
export function toInteger(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

export function booleanAt(input: Input, name: string): boolean | undefined {
  const value = input[name];
  return typeof value === 'boolean' ? value : undefined;
}

/** The texts of an object such as a set of capabilities; other values are left out. */
export function textsAt(input: Input, name: string): Record<string, string> | undefined {
  if (input[name] === undefined || input[name] === null) return undefined;
  const texts: Record<string, string> = {};
  for (const [key, value] of Object.entries(asObject(input[name]))) {
    if (typeof value === 'string') texts[key] = value;
  }
  return texts;
}

/** A property bag. The wire form of a value is plain, or `{"$type": "System.String", "$value": …}`. */
export function bagAt(input: Input, name: string): Record<string, unknown> {
  const bag: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(asObject(input[name]))) {
    bag[key] = typeof value === 'object' && value !== null && '$value' in value ? value.$value : value;
  }
  return bag;
}

/** An enum that clients send as its name in any case or as its number. */
export function enumAt<T extends string>(
  input: Input,
  name: string,
  numbers: Readonly<Record<T, number>>,
): T | undefined {
  const value = input[name];
  return typeof value === 'string' || typeof value === 'number' ? toEnum(String(value), numbers) : undefined;
}

/** The member of an enum that `text` names, as its name in any case or as its number. */
export function toEnum<T extends string>(
  text: string | undefined,
  numbers: Readonly<Record<T, number>>,
): T | undefined {
  const wanted = text?.toLowerCase();
  for (const name in numbers) {
    if (name.toLowerCase() === wanted || String(numbers[name]) === wanted) return name;
  }
  return undefined;
}
