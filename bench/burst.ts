import { embeddedPool, queueJobs } from '../test/support/embedded-pool.ts';
import { eventually } from '../test/support/eventually.ts';
import { brokenPromises, jobEvents, resourcesLeft } from '../test/support/ledger-checks.ts';
import { startStack, type Stack } from '../test/support/stack.ts';
import type { LedgerEntry } from '../emulator/core/context.ts';
import type { Measured } from './main.ts';
import { percentiles, tenths } from './machine.ts';

const createOperation = 'VirtualMachines_CreateOrUpdate';

/**
 * A burst: so many jobs queued at once on an empty pool that may have as many agents. Measures how long until the last
 * create call left, what it cost in calls, and how many history events one agent's life has with its lease.
 */
export async function burst(options: Record<string, string>): Promise<Measured> {
  const jobs = Number(options['jobs'] ?? 500);
  const durationSeconds = Number(options['duration'] ?? 10);
  const scale = Number(options['scale'] ?? 0.1);
  const stack = await startStack({ scale });
  try {
    const odp = await stack.client();
    await odp.pools.apply(embeddedPool(stack.cloud, 'burst', { maximumConcurrency: jobs }));
    const callsBefore = (await stack.ledger('call')).length;

    const startedAt = Date.now();
    await queueJobs(stack, 'burst', { count: jobs, image: 'ubuntu', durationSeconds });
    const queuedAt = Date.now();
    const limitMs = 60_000 + jobs * 1_000;
    await eventually(async () => {
      const finished = [...(await jobEvents(stack)).values()].filter((events) =>
        events.some(({ event }) => event === 'finished'),
      );
      if (finished.length < jobs) throw new Error(`${finished.length} of ${jobs} jobs are finished`);
      const left = await resourcesLeft(stack);
      if (left.length > 0) throw new Error(`${left.length} resources are left`);
    }, limitMs);
    const settledAt = Date.now();

    const calls = (await stack.ledger('call')).slice(callsBefore).filter(({ caller }) => caller === 'controller');
    const creates = calls.filter(({ operation }) => operation === createOperation);
    const finishes = (await stack.ledger('job')).filter(({ event }) => event === 'finished');
    return {
      inputs: { jobs, durationSeconds, scale, maximumConcurrency: jobs },
      results: {
        queueingSeconds: tenths((queuedAt - startedAt) / 1_000),
        lastCreateSeconds: tenths((Math.max(...creates.map(({ at }) => at)) - startedAt) / 1_000),
        lastJobFinishedSeconds: tenths((Math.max(...finishes.map(({ at }) => at)) - startedAt) / 1_000),
        allReturnedSeconds: tenths((settledAt - startedAt) / 1_000),
        jobsFinished: finishes.filter(({ result }) => result === 'succeeded').length,
        createsSentByTenSeconds: byTenSeconds(creates.map(({ at }) => at - startedAt)),
        createCalls: creates.length,
        createCallsThrottled: creates.filter(({ status }) => status === 429).length,
        callsPerAgent: callsPerAgent(calls, jobs),
        historyEventsPerAgentWithLease: await historyEvents(stack, jobs),
        brokenPromises: await brokenPromises(stack),
      },
    };
  } finally {
    await stack.close();
  }
}

/** How many creates had left after each tenth second. */
function byTenSeconds(delays: number[]): number[] {
  const last = Math.ceil(Math.max(...delays) / 10_000);
  return Array.from({ length: last }, (_, k) => delays.filter((delay) => delay <= (k + 1) * 10_000).length);
}

function callsPerAgent(calls: Extract<LedgerEntry, { kind: 'call' }>[], agents: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { service, operation } of calls) {
    const name = `${service}:${operation}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return Object.fromEntries(
    Object.entries(counts)
      .map(([name, count]): [string, number] => [name, Math.round((count / agents) * 1_000) / 1_000])
      .sort(([, a], [, b]) => b - a),
  );
}

/** Events of each closed agent's history plus those of its lease, as visibility counts them. */
async function historyEvents(stack: Stack, jobs: number): Promise<Record<string, number>> {
  const odp = await stack.client();
  // Visibility lags, and knows the length of closed histories only.
  await eventually(async () => {
    const query = 'WorkflowType IN ("agent", "lease") AND ExecutionStatus = "Completed"';
    const { count } = await odp.client.workflow.count(query);
    if (count < 2 * jobs) throw new Error(`${count} of ${2 * jobs} workflows are closed`);
  }, 60_000);
  const lengths = new Map<string, number>();
  const add = (agent: string | null | undefined, events: number) =>
    agent && lengths.set(agent, (lengths.get(agent) ?? 0) + events);
  for await (const { workflowId, historyLength } of odp.client.workflow.list({ query: 'WorkflowType = "agent"' })) {
    add(workflowId, historyLength ?? 0);
  }
  for await (const { parentExecution, historyLength } of odp.client.workflow.list({
    query: 'WorkflowType = "lease"',
  })) {
    add(parentExecution?.workflowId, historyLength ?? 0);
  }
  const events = [...lengths.values()];
  const mean = events.reduce((sum, value) => sum + value, 0) / events.length;
  return { ...percentiles(events), mean: tenths(mean), max: Math.max(...events) };
}
