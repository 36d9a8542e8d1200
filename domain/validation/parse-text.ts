import { isAlias, LineCounter, parseDocument, visit } from 'yaml';
import type { Violation } from '../violation.ts';

/** A pool document is a few kilobytes; one megabyte is beyond every honest use. */
export const maximumTextLength = 1_048_576;

/** Aliases of a document that repeats a block per image; nested ones, as in the "billion laughs", are cut off here. */
const maximumAliases = 100;

/**
 * Reads YAML 1.2 or JSON, which is a part of it. Syntax errors are violations that name file, line and column.
 *
 * @param fileName how to call the text when it is wrong
 */
export function parseText(text: string, fileName: string): { value: unknown } | { violations: Violation[] } {
  if (text.length > maximumTextLength) {
    return refuse('TooLarge', `${fileName} is larger than 1 MiB; a document of this kind has a few kilobytes.`);
  }
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true });
    if (document.errors.length > 0) {
      return {
        violations: document.errors.slice(0, 20).map((error) => {
          const { line, col } = lines.linePos(error.pos[0]);
          return { path: '', rule: 'SyntaxError', message: `${fileName}:${line}:${col}: ${error.message}` };
        }),
      };
    }
    if (document.contents === null) return refuse('Required', `${fileName} is empty; it must hold a document.`);
    let aliases = 0;
    visit(document, (_, node) => {
      if (isAlias(node)) aliases += 1;
    });
    if (aliases > maximumAliases) {
      return refuse('TooLarge', `${fileName} has ${aliases} YAML aliases; at most ${maximumAliases} are read.`);
    }
    return { value: document.toJS({ maxAliasCount: maximumAliases }) as unknown };
  } catch (error) {
    // What the library throws rather than collects: too many aliases once expanded, or nesting beyond the stack.
    const reason = error instanceof RangeError ? 'it nests too deeply' : messageOf(error);
    return refuse('TooLarge', `${fileName} cannot be read: ${reason}.`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
}

function refuse(rule: Violation['rule'], message: string): { violations: Violation[] } {
  return { violations: [{ path: '', rule, message }] };
}
