import { parseText } from '../validation/parse-text.ts';
import type { Violation } from '../violation.ts';
import { parsePoolDocument } from './parse.ts';
import type { PoolDocument } from './schema.ts';

/** Reads a pool document from YAML or JSON; syntax errors name file, line and column. */
export function parsePoolText(
  text: string,
  fileName: string,
): { document: PoolDocument } | { violations: Violation[] } {
  const parsed = parseText(text, fileName);
  return 'violations' in parsed ? parsed : parsePoolDocument(parsed.value);
}
