import { setTimeout as sleep } from 'node:timers/promises';
import { workflowTypes } from '../domain/messages.ts';
import { agentView } from '../workflows/messages.ts';
import { embeddedPool, queueJobs } from '../test/support/embedded-pool.ts';
import { eventually } from '../test/support/eventually.ts';
import { brokenPromises, jobEvents } from '../test/support/ledger-checks.ts';
import { startStack, type ProcessName, type Stack } from '../test/support/stack.ts';
import type { Measured } from './main.ts';
import { tenths } from './machine.ts';
import { pendingAt } from './pending.ts';

const pool = 'recovery';

/** Lengths of jobs, evenly spread up to the longest. */
const steps = 5;

/**
 * Recovery: so many agents stand ready and some jobs are under way; then the only worker is killed and another started,
 * and later the engine. Recovered is the system when the observer has looked again and every activity that was pending
 * at the kill is done; what a machine takes to be made is in it.
 */
export async function recovery(options: Record<string, string>): Promise<Measured> {
  const agents = Number(options['agents'] ?? 200);
  const jobs = Number(options['jobs'] ?? 40);
  const durationSeconds = Number(options['duration'] ?? 10);
  const scale = Number(options['scale'] ?? 0.1);
  const stack = await startStack({ scale });
  try {
    const odp = await stack.client();
    await odp.pools.apply(
      embeddedPool(stack.cloud, pool, {
        maximumConcurrency: agents + 2 * jobs,
        agentProfile: {
          kind: 'Stateless',
          resourcePredictionsProfile: { kind: 'Manual' },
          resourcePredictions: { timeZone: 'UTC', daysData: [{ '00:00:00': agents }] },
        },
      }),
    );
    await standing(stack, agents);
    const work = { agents, jobs, durationSeconds };
    const results = {
      workerKill: await struck(stack, 'worker', work),
      engineRestart: await struck(stack, 'engine', work),
      brokenPromises: await brokenPromises(stack),
    };
    return { inputs: { agents, jobs, durationSeconds, scale }, results };
  } finally {
    await stack.close();
  }
}

/** Kills a process in the middle of work, starts it again, and measures from the kill on. */
async function struck(
  stack: Stack,
  victim: ProcessName,
  { agents, jobs, durationSeconds }: { agents: number; jobs: number; durationSeconds: number },
): Promise<Record<string, unknown>> {
  const jobsBefore = (await jobEvents(stack)).size;
  // Of different lengths, so that at the kill some jobs run, some agents return, and some are made in their place.
  for (let step = 1; step <= steps; step++) {
    const seconds = Math.max(1, Math.round((durationSeconds * step) / steps));
    await queueJobs(stack, pool, { count: Math.ceil(jobs / steps), image: 'ubuntu', durationSeconds: seconds });
  }
  await sleep((durationSeconds * 1_000) / 2);
  const killedAt = Date.now();
  await stack.kill(victim);
  await stack.start(victim);
  const servesAt = Date.now();
  const answeredAt = await everyAgentAnswers(stack);
  await eventually(
    async () => {
      const all = [...(await jobEvents(stack)).values()];
      const finished = all.filter((events) => events.some(({ event }) => event === 'finished')).length;
      const wanted = jobsBefore + Math.ceil(jobs / steps) * steps;
      if (finished < wanted) throw new Error(`${finished} of ${wanted} jobs are finished`);
    },
    300_000 + durationSeconds * 1_000,
  );
  await standing(stack, agents);
  const settledAt = Date.now();

  const looks = (await stack.ledger('call')).filter(
    ({ operation, caller, at }) => operation === 'JobRequests_List' && caller === 'controller' && at > servesAt,
  );
  const observedAt = Math.min(...looks.map(({ at }) => at));
  const pending = await pendingAt((await stack.client()).client, killedAt);
  const lastDoneAt = Math.max(killedAt, ...pending.map(({ doneAt }) => doneAt));
  const seconds = (at: number) => tenths((at - killedAt) / 1_000);
  return {
    servesAgainSeconds: seconds(servesAt),
    observedSeconds: seconds(observedAt),
    everyAgentAnsweredSeconds: seconds(answeredAt),
    pendingActivities: Object.fromEntries(
      [...Map.groupBy(pending, ({ activity }) => activity)].map(([name, all]) => [name, all.length]),
    ),
    pendingLost: pending.filter(({ doneAt }) => doneAt === Infinity).length,
    pendingDoneSeconds: seconds(lastDoneAt),
    recoveredSeconds: seconds(Math.max(observedAt, answeredAt, lastDoneAt)),
    settledSeconds: seconds(settledAt),
  };
}

async function standing(stack: Stack, wanted: number): Promise<void> {
  await eventually(
    async () => {
      const { agents } = await (await stack.client()).pools.show(pool);
      const ready = agents.filter(({ phase }) => phase === 'ready').length;
      if (ready < wanted || agents.length > wanted) {
        throw new Error(`${ready} of ${wanted} agents are ready, ${agents.length} are there`);
      }
    },
    180_000 + wanted * 1_000,
  );
}

/** Each open agent must answer a query: its workflow lives again in a worker. */
async function everyAgentAnswers(stack: Stack): Promise<number> {
  const { client } = await stack.client();
  const names: string[] = [];
  const query = `WorkflowType = '${workflowTypes.agent}' AND ExecutionStatus = 'Running'`;
  await eventually(async () => {
    names.length = 0;
    for await (const { workflowId } of client.workflow.list({ query })) names.push(workflowId);
  }, 120_000);
  await Promise.all(
    names.map((name) => eventually(async () => void (await client.workflow.getHandle(name).query(agentView)), 120_000)),
  );
  return Date.now();
}
