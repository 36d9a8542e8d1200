import { stripVTControlCharacters, styleText } from 'node:util';

/** How to draw: whether colour may be used. */
export interface Style {
  colour: boolean;
}

/** The colours of the interface, by what they mean. */
const formats = {
  heading: 'bold',
  quiet: 'gray',
  good: 'green',
  busy: 'cyan',
  changing: 'yellow',
  bad: 'red',
} as const;

/** What a text means, for its colour. */
export type Meaning = keyof typeof formats;

/** Colours a text where colour may be used. */
export function paint(style: Style, meaning: Meaning, text: string): string {
  return style.colour ? styleText(formats[meaning], text, { validateStream: false }) : text;
}

/** The meaning of an agent's or a job's state. */
export function meaningOf(state: string): Meaning {
  switch (state.toLowerCase()) {
    case 'ready':
    case 'succeeded':
    case 'finished':
      return 'good';
    case 'allocated':
    case 'running':
    case 'assigned':
      return 'busy';
    case 'provisioning':
    case 'starting':
    case 'draining':
    case 'deleting':
    case 'queued':
      return 'changing';
    case 'failed':
    case 'expired':
    case 'agentlost':
    case 'evicted':
    case 'abandoned':
      return 'bad';
    default:
      return 'quiet';
  }
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Characters that a text takes on a terminal; colour takes none. */
export function width(text: string): number {
  return [...segmenter.segment(stripVTControlCharacters(text))].length;
}

/**
 * Names come from other systems: a control character in one must not move the cursor of the person who lists it.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}/gu, '\u{fffd}');
}

/** Cuts a text to so many characters, colour dropped only where it must be cut. */
export function fit(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  const segments = [...segmenter.segment(stripVTControlCharacters(text))].map(({ segment }) => segment);
  return `${segments.slice(0, Math.max(0, columns - 1)).join('')}…`;
}

/** One column of a table. */
export interface Column<Row> {
  title: string;
  value(row: Row): string;
  align?: 'right';
  meaning?(row: Row): Meaning;
}

/** A table's lines: titles, then one line per row, columns two spaces apart. */
export function table<Row>(columns: Column<Row>[], rows: Row[], style: Style): string[] {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const widths = columns.map(({ title }, at) => Math.max(width(title), ...cells.map((line) => width(line[at] ?? ''))));
  const line = (texts: string[], draw: (text: string, at: number) => string) =>
    texts
      .map((text, at) => {
        const room = ' '.repeat(Math.max(0, (widths[at] ?? 0) - width(text)));
        return columns[at]?.align === 'right' ? room + draw(text, at) : draw(text, at) + room;
      })
      .join('  ')
      .trimEnd();
  const titles = columns.map(({ title }) => title);
  return [
    line(titles, (text) => paint(style, 'heading', text)),
    ...rows.map((row, index) =>
      line(cells[index] ?? [], (text, at) => {
        const meaning = columns[at]?.meaning?.(row);
        return meaning === undefined ? text : paint(style, meaning, text);
      }),
    ),
  ];
}

/** Aligned `name: value` lines. */
export function factLines(facts: [string, string][]): string[] {
  const longest = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${`${name}:`.padEnd(longest + 2)}${printable(value)}`);
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A duration as people say it: `0.4s`, `12s`, `3m05s`, `2h04m`, `3d04h`. */
export function duration(ms: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const rest = Math.max(0, ms);
  if (rest < 10 * second) return `${(Math.floor(rest / 100) / 10).toFixed(1)}s`;
  if (rest < minute) return `${Math.floor(rest / second)}s`;
  if (rest < hour) return `${Math.floor(rest / minute)}m${two((rest % minute) / second)}s`;
  if (rest < day) return `${Math.floor(rest / hour)}h${two((rest % hour) / minute)}m`;
  return `${Math.floor(rest / day)}d${two((rest % day) / hour)}h`;
}

/** A moment as ISO 8601 to the second, in UTC. */
export function moment(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The p-th percentile by nearest rank, or undefined of nothing. */
export function percentile(values: number[], p: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)];
}
