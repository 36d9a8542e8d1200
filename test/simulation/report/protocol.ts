import type { Breach } from '../../../domain/invariants/account.ts';
import type { Schedule } from '../schedule/schedule.ts';

/** What the runtime answers for one schedule. */
export interface SimulationOutcome {
  breaches: Breach[];
  /** Hash over the whole journal: equal schedules on equal code have equal digests. */
  digest: string;
  /** Counts, and counts by name; summed over all runs. */
  figures: Record<string, number | Record<string, number>>;
  /** The last lines of the journal. */
  journal: string[];
}

/** The runtime's one function, as `test/simulation/run.ts` exports it. */
export type Simulate = (schedule: Schedule, options: SimulateOptions) => Promise<SimulationOutcome>;

/** What a run is told besides its schedule. */
export interface SimulateOptions extends RunOptions {
  /** Given every line of the journal as it is written. */
  trace?: (line: string) => void;
}

/** The part of the options that travels to a child process: plain JSON, handed to `simulate` as it is. */
export type RunOptions = Record<string, unknown>;

/** To a child: run this. */
export interface RunMessage {
  id: number;
  schedule: Schedule;
  options: RunOptions;
  /** Send every line of the journal. */
  trace: boolean;
}

/** From a child. */
export type ChildMessage =
  /** It has loaded the runtime. */
  | { kind: 'ready' }
  /** The run goes on; the lines are new ones when it traces, else the last ones. */
  | { kind: 'lines'; id: number; lines: string[] }
  | { kind: 'done'; id: number; outcome: SimulationOutcome; seconds: number; residentMiB: number }
  | { kind: 'threw'; id: number; message: string; seconds: number; residentMiB: number };
