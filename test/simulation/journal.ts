import { createHash } from 'node:crypto';
import type { Timeline } from './time/timeline.ts';

/** Lines that a failure shows. */
const shownLines = 200;

/** What happened, line by line. Its digest tells whether two runs were the same. */
export interface Journal {
  note(who: string, what: string): void;
  /** The last lines, the oldest first. */
  last(): string[];
  digest(): string;
}

/** @param trace is given every line as it is written */
export function createJournal(timeline: Timeline, trace?: (line: string) => void): Journal {
  const start = timeline.now();
  const hash = createHash('sha256');
  const lines: string[] = [];
  return {
    note(who, what) {
      const line = `${((timeline.now() - start) / 1000).toFixed(3).padStart(10)} ${who.padEnd(9)} ${what}`;
      hash.update(line);
      lines.push(line);
      if (lines.length > 2 * shownLines) lines.splice(0, lines.length - shownLines);
      trace?.(line);
    },
    last: () => lines.slice(-shownLines),
    digest: () => hash.copy().digest('hex'),
  };
}
