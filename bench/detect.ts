import { setTimeout as sleep } from 'node:timers/promises';
import { readTrace } from '../client/cli/trace-file.ts';
import { schedule, selectTrace } from '../client/workload/trace.ts';
import { embeddedPool, queueJobs } from '../test/support/embedded-pool.ts';
import { eventually } from '../test/support/eventually.ts';
import { startStack } from '../test/support/stack.ts';
import type { Measured } from './main.ts';
import { percentiles } from './machine.ts';

/** No job of the bench runs longer: detection ends where the create call begins. */
const longestJobSeconds = 20;

/**
 * Detection: a real trace at real speed; from the moment in which Azure DevOps queued a job to the moment in which the
 * create call for it arrived. Every job finds an empty pool, so the k-th job belongs to the k-th create call.
 */
export async function detect(options: Record<string, string>): Promise<Measured> {
  const { trace } = options;
  if (!trace) throw new Error('detect needs --trace FILE');
  const minutes = Number(options['minutes'] ?? 10);
  const scale = Number(options['scale'] ?? 0.1);
  const all = await readTrace(trace);
  const from = options['from']
    ? Date.parse(options['from'])
    : busiest(
        all.map(({ arrivalAt }) => arrivalAt),
        minutes,
      );
  const rows = selectTrace(all, { from, to: from + minutes * 60_000 });
  const jobs = schedule(rows, 1);

  const stack = await startStack({ scale });
  try {
    const odp = await stack.client();
    await odp.pools.apply(embeddedPool(stack.cloud, 'detect', { maximumConcurrency: 200 }));
    const start = Date.now();
    for (const { atMs, durationSeconds } of jobs) {
      await sleep(Math.max(0, start + atMs - Date.now()));
      const seconds = Math.min(durationSeconds, longestJobSeconds);
      await queueJobs(stack, 'detect', { count: 1, image: 'ubuntu', durationSeconds: seconds });
    }
    await eventually(async () => {
      const finished = (await stack.ledger('job')).filter(({ event }) => event === 'finished').length;
      if (finished < jobs.length) throw new Error(`${finished} of ${jobs.length} jobs are finished`);
    }, 180_000);

    const queued = (await stack.ledger('job')).filter(({ event }) => event === 'queued').map(({ at }) => at);
    const created = (await stack.ledger('call'))
      .filter(({ operation }) => operation === 'VirtualMachines_CreateOrUpdate')
      .map(({ at }) => at);
    const delays = created.slice(0, queued.length).map((at, k) => at - (queued[k] ?? at));
    return {
      inputs: {
        trace: trace.split('/').at(-1),
        from: new Date(from).toISOString(),
        minutes,
        speed: 1,
        scale,
        pollSeconds: 2,
        longestJobSeconds,
      },
      results: { jobs: jobs.length, creates: created.length, queuedToCreateMs: percentiles(delays) },
    };
  } finally {
    await stack.close();
  }
}

/** The start of the window with the most arrivals. */
function busiest(arrivals: number[], minutes: number): number {
  const window = minutes * 60_000;
  let best = { from: arrivals[0] ?? 0, count: 0 };
  let end = 0;
  arrivals.forEach((from, start) => {
    while (end < arrivals.length && (arrivals[end] ?? 0) < from + window) end++;
    if (end - start > best.count) best = { from, count: end - start };
  });
  return best.from;
}
