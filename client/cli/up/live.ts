import { asOdpError } from '../../sdk/index.ts';
import type { Io } from '../io.ts';
import { pause } from '../output.ts';
import { duration } from '../render.ts';
import { isSettled, type Look } from './look.ts';
import { changeLines, viewLines } from './view.ts';

/** Milliseconds between two looks. */
const lookMs = 1_000;

/** Messages kept for the view. */
const keptMessages = 3;

/** Where what the stack does is told: in the view where there is one, else line by line. */
export interface Live {
  report(line: string): void;
  /** Looks and draws until everything has settled or Ctrl-C comes; answers the look that showed it. */
  follow(options: FollowOptions): Promise<Look | undefined>;
}

/** How to follow. */
export interface FollowOptions {
  look(): Promise<Look>;
  workload(): string;
  /** No further job will be queued. */
  workloadDone(): boolean;
  /** Goes on after everything has settled, until Ctrl-C. */
  forever: boolean;
}

/** What the view needs of its run. */
export interface LiveOptions {
  /** The zero of the times in front of lines, in milliseconds since the epoch. */
  startedAt: number;
  now(): number;
  /** From then on nothing is drawn in place any more. */
  stop: AbortSignal;
}

/** The live view of one run. */
export function createLive(io: Io, { startedAt, now, stop }: LiveOptions): Live {
  const messages: string[] = [];
  let drawn = 0;
  let following = false;

  const line = (text: string) => io.out(`${duration(now() - startedAt).padStart(7)}  ${text}`);

  const draw = (lines: string[]) => {
    // Up over the last view, then erase to the end of the screen: what stands above it stays.
    io.raw(`${drawn > 0 ? `\u001b[${drawn}A` : ''}\u001b[J${lines.map((text) => `${text}\n`).join('')}`);
    drawn = lines.length;
  };

  return {
    report: (text) => {
      if (!following || !io.terminal || stop.aborted) {
        line(text);
        return;
      }
      messages.push(text);
      messages.splice(0, messages.length - keptMessages);
    },

    follow: async ({ look, workload, workloadDone, forever }) => {
      following = true;
      let last: Look | undefined;
      let settledLook: Look | undefined;
      let settledBefore = false;
      let trouble = '';
      while (!stop.aborted) {
        try {
          const next = await look();
          if (!io.terminal) for (const change of changeLines(last, next)) line(change);
          last = next;
          trouble = '';
        } catch (error) {
          // A part of the stack is being started again; the last look stays until it answers.
          const { message } = asOdpError(error);
          if (message !== trouble && !io.terminal && !stop.aborted) line(`no answer: ${message}`);
          trouble = message;
        }
        if (stop.aborted) break;
        if (io.terminal && last) {
          const notes = trouble === '' ? messages : [...messages, `no answer: ${trouble}`];
          draw(viewLines({ ...last, at: now() }, { ...io.size(), messages: notes, workload: workload() }, io));
        }
        // Twice in a row, because visibility may lag behind by a moment.
        const settled = trouble === '' && last !== undefined && workloadDone() && isSettled(last);
        if (settled && settledBefore && !forever) {
          settledLook = last;
          break;
        }
        settledBefore = settled;
        await pause(lookMs, stop);
      }
      following = false;
      drawn = 0;
      return settledLook;
    },
  };
}
