import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { parseTrace, type TraceRow } from '../workload/trace.ts';
import { OdpError } from '../sdk/index.ts';

/** More than a year of a large organisation's jobs; a compressed file must not fill the memory. */
const maxTraceBytes = 512 * 1024 * 1024;

/** Reads a trace, compressed or not. @throws OdpError `Usage`, `InvalidTrace` with every mistake and its line */
export async function readTrace(file: string): Promise<TraceRow[]> {
  let text: string;
  try {
    const bytes = await readFile(file);
    const plain = file.endsWith('.gz') ? await promisify(gunzip)(bytes, { maxOutputLength: maxTraceBytes }) : bytes;
    text = plain.toString('utf8');
  } catch (error) {
    throw new OdpError('Usage', `The trace ${file} cannot be read.`, {
      hint: 'It must be a CSV file with the columns arrival_utc,duration_s,label,group, or that compressed as .gz.',
      cause: error,
    });
  }
  const parsed = parseTrace(text);
  if ('rows' in parsed) return parsed.rows;
  throw new OdpError('InvalidTrace', `The trace ${file} is not valid.`, {
    details: parsed.violations.map(({ rule, message, path }) => ({ code: rule, message, target: path })),
  });
}
