import { parse, type CsvError } from 'csv-parse/sync';
import type { Violation } from '../../domain/violation.ts';

/**
 * Traces of CI jobs as CSV: `arrival_utc,duration_s,label,group`, one job a line. Read all at once: the largest public
 * traces have some ten thousand jobs.
 */

/** One job of a trace. */
export interface TraceRow {
  /** When the job became runnable, in milliseconds since the epoch. */
  arrivalAt: number;
  durationSeconds: number;
  /** Which image it wants, in the words of the trace. */
  label: string;
  /** Its pipeline or project; empty where the trace does not say. */
  group: string;
}

/** One job of a schedule: when to queue it after the start, and for how long it runs. */
export interface ScheduledTraceJob {
  atMs: number;
  durationSeconds: number;
  label: string;
  group: string;
}

/** Which part of a trace to take. */
export interface TraceSelection {
  /** Only jobs that arrive at this moment or later, in milliseconds since the epoch. */
  from?: number;
  /** Only jobs that arrive before this moment, in milliseconds since the epoch. */
  to?: number;
  /** At most so many, the earliest. */
  limit?: number;
}

const columns = ['arrival_utc', 'duration_s', 'label', 'group'] as const;

/** A trace may leave out the group: not every source knows it. */
const requiredColumns = ['arrival_utc', 'duration_s', 'label'] as const;

/** A week: longer than any job that Azure DevOps lets run, and long enough for any real trace. */
const longestSeconds = 7 * 24 * 3_600;

/** More mistakes than these help nobody; the rest are counted. */
const violationsMax = 100;

/** ISO 8601 in UTC. A moment without a zone would mean another one on each machine. */
const utcMoment = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?(Z|\+00:00)$/;

/**
 * Reads a trace. Columns are known by their names in the first line, in any order; `group` may be absent. Answers the
 * jobs in the order of their arrival, or every mistake with its line.
 */
export function parseTrace(text: string): { rows: TraceRow[] } | { violations: Violation[] } {
  const { records, violations } = readCsv(text);
  const [header, ...lines] = records;
  if (!header) {
    return {
      violations: [
        ...violations,
        { path: 'line 1', rule: 'Required', message: `The first line must name the columns: ${columns.join(',')}.` },
      ],
    };
  }
  const names = header.fields.map((name) => name.trim());
  violations.push(...checkHeader(names, header.line));
  // Without its columns no line means anything; one mistake would be told once for every line.
  if (violations.some(({ path }) => path.startsWith(`line ${header.line}`))) return { violations };

  const rows: TraceRow[] = [];
  for (const { fields, line } of lines) {
    const row = readRow(names, fields, line, violations);
    if (row) rows.push(row);
  }
  if (violations.length === 0) return { rows: rows.toSorted((a, b) => a.arrivalAt - b.arrivalAt) };
  const told = violations.toSorted((a, b) => lineOf(a) - lineOf(b)).slice(0, violationsMax);
  const untold = violations.length - told.length;
  if (untold > 0) told.push({ path: '', rule: 'TooMany', message: `There are ${untold} more mistakes.` });
  return { violations: told };
}

/** The part of a trace that somebody asked for, in the order of arrival. */
export function selectTrace(rows: readonly TraceRow[], { from, to, limit }: TraceSelection): TraceRow[] {
  return rows
    .filter(({ arrivalAt }) => arrivalAt >= (from ?? -Infinity) && arrivalAt < (to ?? Infinity))
    .toSorted((a, b) => a.arrivalAt - b.arrivalAt)
    .slice(0, limit);
}

/**
 * When to queue each job, counted from the first one. At double speed both the gaps and the durations are halved, so
 * that as many jobs run at once as in the trace; only the start of machines keeps its own pace.
 *
 * @param speed how many times faster than the jobs came; more than 0
 * @throws RangeError where the speed is not a finite number above 0
 */
export function schedule(rows: readonly TraceRow[], speed: number): ScheduledTraceJob[] {
  if (!(speed > 0 && speed < Infinity)) throw new RangeError(`The speed is ${speed}; it must be a number above 0.`);
  const inOrder = rows.toSorted((a, b) => a.arrivalAt - b.arrivalAt);
  const start = inOrder[0]?.arrivalAt ?? 0;
  return inOrder.map(({ arrivalAt, durationSeconds, label, group }) => ({
    atMs: Math.round((arrivalAt - start) / speed),
    durationSeconds: Math.round((durationSeconds / speed) * 1_000) / 1_000,
    label,
    group,
  }));
}

/** Writes a trace that `parseTrace` reads back as it was. Whole seconds stay whole. */
export function formatTrace(rows: readonly TraceRow[]): string {
  const lines = rows.map(({ arrivalAt, durationSeconds, label, group }) =>
    [new Date(arrivalAt).toISOString().replace('.000Z', 'Z'), String(durationSeconds), label, group]
      .map(quoted)
      .join(','),
  );
  return [columns.join(','), ...lines, ''].join('\n');
}

interface CsvRecord {
  fields: string[];
  line: number;
}

function readCsv(text: string): { records: CsvRecord[]; violations: Violation[] } {
  const violations: Violation[] = [];
  const records: CsvRecord[] = [];
  const refuse = (error: CsvError) => {
    const { lines } = error;
    violations.push({
      path: `line ${typeof lines === 'number' ? lines : 1}`,
      rule: 'SyntaxError',
      message: error.message,
    });
  };
  try {
    parse(text, {
      bom: true,
      skip_empty_lines: true,
      relax_column_count: true,
      skip_records_with_error: true,
      on_skip: (error) => {
        if (error) refuse(error);
        return undefined;
      },
      on_record: (fields: string[], { lines }) => {
        records.push({ fields, line: lines });
        return null;
      },
    });
  } catch (error) {
    refuse(error as CsvError);
  }
  return { records, violations };
}

function checkHeader(names: readonly string[], line: number): Violation[] {
  const path = `line ${line}`;
  const expected = `The columns are ${columns.join(',')}.`;
  return [
    ...requiredColumns
      .filter((name) => !names.includes(name))
      .map((name): Violation => ({ path, rule: 'Required', message: `The column ${name} is missing. ${expected}` })),
    ...names
      .filter((name) => !columns.some((column) => column === name))
      .map((name): Violation => {
        return { path, rule: 'UnknownProperty', message: `There is no column of this name. ${expected}`, value: name };
      }),
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name): Violation => ({ path, rule: 'Duplicate', message: `The column ${name} is there twice.` })),
  ];
}

/** One job, or nothing after it has added every mistake of its line. */
function readRow(
  names: readonly string[],
  fields: readonly string[],
  line: number,
  violations: Violation[],
): TraceRow | undefined {
  const before = violations.length;
  if (fields.length !== names.length) {
    const message = `The line must have ${names.length} values, as the first line has; it has ${fields.length}.`;
    violations.push({ path: `line ${line}`, rule: fields.length > names.length ? 'TooMany' : 'TooFew', message });
    return undefined;
  }
  const value = (column: (typeof columns)[number]) => fields[names.indexOf(column)]?.trim() ?? '';
  const refuse = (column: string, rule: Violation['rule'], message: string, given: string) =>
    violations.push({ path: `line ${line}, ${column}`, rule, message, value: given.slice(0, 100) });

  const arrival = value('arrival_utc');
  const arrivalAt = utcMoment.test(arrival) ? Date.parse(arrival) : Number.NaN;
  if (Number.isNaN(arrivalAt)) {
    refuse('arrival_utc', 'PatternMismatch', 'It must be a moment in UTC such as 2026-11-02T08:00:00Z.', arrival);
  }
  const duration = value('duration_s');
  const durationSeconds = /^\d+(\.\d+)?$/.test(duration) ? Number(duration) : Number.NaN;
  if (Number.isNaN(durationSeconds)) {
    refuse('duration_s', 'WrongType', 'It must be a number of seconds such as 90 or 0.5.', duration);
  } else if (durationSeconds > longestSeconds) {
    refuse('duration_s', 'OutOfRange', `It must be from 0 to ${longestSeconds} seconds.`, duration);
  }
  const label = value('label');
  if (label === '') refuse('label', 'Required', 'It must name the image that the job wants.', label);
  return violations.length === before ? { arrivalAt, durationSeconds, label, group: value('group') } : undefined;
}

function lineOf({ path }: Violation): number {
  return Number.parseInt(path.replace('line ', ''), 10);
}

/** Quotes as RFC 4180 says, where it must. */
function quoted(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
