import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedPool } from '../test/support/embedded-pool.ts';
import { eventually } from '../test/support/eventually.ts';
import { processNames, startStack, type Stack } from '../test/support/stack.ts';
import type { Measured } from './main.ts';
import { processUsage, tenths } from './machine.ts';

/** Idleness: so many agents stand ready and nothing happens. What do they cost? */
export async function steady(options: Record<string, string>): Promise<Measured> {
  const agents = Number(options['agents'] ?? 1_000);
  const minutes = Number(options['minutes'] ?? 5);
  const scale = Number(options['scale'] ?? 0.1);
  const stack = await startStack({ scale });
  try {
    const odp = await stack.client();
    const startedAt = Date.now();
    await odp.pools.apply(
      embeddedPool(stack.cloud, 'steady', {
        maximumConcurrency: agents,
        agentProfile: {
          kind: 'Stateless',
          resourcePredictionsProfile: { kind: 'Manual' },
          resourcePredictions: { timeZone: 'UTC', daysData: [{ '00:00:00': agents }] },
        },
      }),
    );
    await eventually(
      async () => {
        const { agents: roster } = await odp.pools.show('steady');
        const ready = roster.filter(({ phase }) => phase === 'ready').length;
        if (ready < agents) throw new Error(`${ready} of ${agents} agents are ready`);
      },
      120_000 + agents * 1_000,
    );
    const readyAt = Date.now();

    const before = await snapshot(stack);
    await sleep(minutes * 60_000);
    const after = await snapshot(stack);

    return {
      inputs: { agents, minutes, scale },
      results: {
        readySeconds: tenths((readyAt - startedAt) / 1_000),
        callsPerMinute: perMinute(before.calls, after.calls, minutes),
        processorPercent: Object.fromEntries(
          processNames.map((name) => {
            const used = after.usage[name].processorSeconds - before.usage[name].processorSeconds;
            return [name, tenths((used / (minutes * 60)) * 100)];
          }),
        ),
        residentMiB: Object.fromEntries(processNames.map((name) => [name, after.usage[name].residentMiB])),
      },
    };
  } finally {
    await stack.close();
  }
}

async function snapshot(stack: Stack) {
  const calls: Record<string, number> = { arm: 0, entra: 0, 'azure-devops': 0 };
  for (const { caller, service } of await stack.ledger('call')) {
    if (caller === 'controller') calls[service] = (calls[service] ?? 0) + 1;
  }
  const usage = {
    worker: processUsage(stack.pid('worker')),
    engine: processUsage(stack.pid('engine')),
    cloud: processUsage(stack.pid('cloud')),
  };
  return { calls, usage };
}

function perMinute(before: Record<string, number>, after: Record<string, number>, minutes: number) {
  return Object.fromEntries(
    Object.entries(after).map(([service, count]) => [service, tenths((count - (before[service] ?? 0)) / minutes)]),
  );
}
