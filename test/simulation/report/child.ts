/**
 * A process that simulates one schedule after the other, as it is told over its channel. The simulation puts a whole
 * process under a clock of its own, so that there is one simulation at a time in each.
 *
 *     node test/simulation/report/child.ts URL-OF-THE-RUNTIME
 */
import type { ChildMessage, RunMessage, Simulate } from './protocol.ts';

/** Seconds of this machine; the runtime replaces `Date` and timers, and leaves this one alone. */
const realSeconds = () => Number(process.hrtime.bigint()) / 1e9;

/** How often a run shows that it goes on, in seconds. */
const showEvery = 1;

/** Lines that are shown when nobody traces: enough to see where a run hangs. */
const shownLines = 50;

const send = (message: ChildMessage) => process.send?.(message);

const [, , runtime = ''] = process.argv;
const { simulate } = (await import(runtime)) as { simulate: Simulate };

async function run({ id, schedule, options, trace }: RunMessage): Promise<void> {
  const began = realSeconds();
  let shownAt = began;
  let lines: string[] = [];
  const show = () => {
    shownAt = realSeconds();
    send({ kind: 'lines', id, lines });
    if (trace) lines = [];
  };
  const note = (line: string) => {
    lines.push(line);
    if (!trace && lines.length > shownLines) lines.shift();
    if (realSeconds() - shownAt > showEvery || (trace && lines.length >= 1_000)) show();
  };
  const spent = () => ({
    seconds: realSeconds() - began,
    residentMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
  });
  try {
    const outcome = await simulate(schedule, { ...options, trace: note });
    if (trace) show();
    send({ kind: 'done', id, outcome, ...spent() });
  } catch (error) {
    show();
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    send({ kind: 'threw', id, message, ...spent() });
  }
}

process.on('message', (message: RunMessage) => void run(message));
process.on('disconnect', () => process.exit(0));
send({ kind: 'ready' });
