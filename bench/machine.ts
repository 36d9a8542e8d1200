import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** The machine that a figure belongs to. */
export function machineFacts(): Record<string, unknown> {
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
  };
}

/** Linux counts processor time in hundredths of a second (`getconf CLK_TCK`). */
const ticksPerSecond = 100;

/** Processor seconds that a process has used so far, and its resident memory; Linux only, from /proc. */
export function processUsage(pid: number): { processorSeconds: number; residentMiB: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The program's name, in parentheses, may hold spaces: fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return {
    processorSeconds: (user + system) / ticksPerSecond,
    residentMiB: Math.round(Number(resident ?? 0) / 1_024),
  };
}

/** The values at 50, 95 and 99 percent, by nearest rank. */
export function percentiles(values: readonly number[]): { p50: number; p95: number; p99: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** Rounds to one decimal. */
export function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
