import { ArmError, invalidParameter } from './errors.ts';

/** Reads values of unknown shape out of a body. */
export type Json = Record<string, unknown>;

export function objectAt(parent: unknown, name: string): Json | undefined {
  const value = (parent as Json | undefined)?.[name];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

export function textAt(parent: unknown, name: string): string | undefined {
  const value = (parent as Json | undefined)?.[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function numberAt(parent: unknown, name: string): number | undefined {
  const value = (parent as Json | undefined)?.[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function booleanAt(parent: unknown, name: string): boolean | undefined {
  const value = (parent as Json | undefined)?.[name];
  return typeof value === 'boolean' ? value : undefined;
}

export function listAt(parent: unknown, name: string): Json[] {
  const value = (parent as Json | undefined)?.[name];
  return Array.isArray(value) ? value.filter((item): item is Json => typeof item === 'object' && item !== null) : [];
}

/** The 400 for a property that must be there. */
export function missing(name: string): ArmError {
  return invalidParameter(name, `Required parameter '${name}' is missing (null).`);
}

/** Limits of tags. Source: "Use tags to organize your Azure resources". */
const tagLimits = { count: 50, name: 512, value: 256 };

/** The tags of a body, checked against Azure's limits. */
export function tagsOf(parent: unknown): Record<string, string> {
  const raw = objectAt(parent, 'tags') ?? {};
  const entries = Object.entries(raw);
  const refuse = (code: string, message: string): ArmError => new ArmError(400, { code, message });
  if (entries.length > tagLimits.count) {
    throw refuse(
      'InvalidTagCount',
      `The number of tags '${String(entries.length)}' exceeds the limit of ${String(tagLimits.count)}.`,
    );
  }
  for (const [name, value] of entries) {
    if (name.trim() === '') throw refuse('InvalidTagName', 'The tag name must not be empty.');
    if (name.length > tagLimits.name) {
      throw refuse('InvalidTagNameLength', `The tag name '${name}' exceeds ${String(tagLimits.name)} characters.`);
    }
    // oxlint-disable-next-line no-control-regex -- control characters are what the rule is about
    if (/[<>%&\\?/\u0000-\u001f]/.test(name)) {
      throw refuse(
        'InvalidTagNameCharacters',
        `The tag names '${name}' have reserved characters '<,>,%,&,\\,?,/' or control characters.`,
      );
    }
    if (typeof value !== 'string')
      throw refuse('InvalidRequestContent', `The value of the tag '${name}' must be a string.`);
    if (value.length > tagLimits.value) {
      throw refuse(
        'InvalidTagValueLength',
        `The value of the tag '${name}' exceeds ${String(tagLimits.value)} characters.`,
      );
    }
  }
  return raw as Record<string, string>;
}

/** `zones` of a body. */
export function zonesOf(parent: unknown): string[] | undefined {
  const zones = (parent as Json)['zones'];
  if (!Array.isArray(zones) || zones.length === 0) return undefined;
  return zones.map(String);
}

/** Whether `value` is Base64 of at most `maximumBytes`. */
export function isBase64(value: string, maximumBytes: number): boolean {
  return /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value) && Buffer.from(value, 'base64').length <= maximumBytes;
}

/** A list answer, one page of it. */
export function page<T extends { position: number }>(
  records: Iterable<T>,
  url: URL,
  origin: string,
  size: number,
): { items: T[]; nextLink: string | undefined } {
  const token = url.searchParams.get('$skiptoken') ?? url.searchParams.get('$skipToken');
  const after = token === null ? 0 : Number(Buffer.from(token, 'base64url').toString());
  if (!Number.isFinite(after)) {
    throw new ArmError(400, { code: 'InvalidSkipToken', message: `The $skiptoken '${token ?? ''}' is not valid.` });
  }
  const items: T[] = [];
  let more = false;
  for (const record of records) {
    if (record.position <= after) continue;
    if (items.length === size) {
      more = true;
      break;
    }
    items.push(record);
  }
  if (!more) return { items, nextLink: undefined };
  const next = new URL(url.pathname + url.search, origin);
  next.searchParams.delete('$skipToken');
  next.searchParams.set('$skiptoken', Buffer.from(String(items.at(-1)?.position ?? 0)).toString('base64url'));
  return { items, nextLink: next.href };
}
