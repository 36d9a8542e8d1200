import type { Scenario } from './scenarios.ts';

/** What operators ask of pools and agents, day by day. */
export const verbScenarios: Record<string, Scenario> = {
  'a drain whose deadline comes before the end of a job': {
    serves: ['pool/drained-by-operator', 'pool/drain-deadline-passed'],
    run: async (world) => {
      await world.apply('drained');
      await world.queue('drained', { seconds: 600 });
      await world.untilAgents('drained', 1, 'Allocated');
      const { pools } = await world.odp();
      await pools.drain('drained', { by: Date.now() + 4_000, cancelAtDeadline: true });
    },
  },
  'a machine whose agent does not connect, and that is kept': {
    serves: ['agent/kept'],
    run: async (world) => {
      const retained = { operatorProfile: { retainedFailures: { count: 1, timeSpan: '1.00:00:00' } } };
      await world.apply('inspected', retained, { agent: { connectMs: 4_000 } });
      const generation = await world.generation('inspected');
      await world.stack.fault({
        match: { machineName: `${generation}*` },
        effect: { kind: 'bootWithoutAgent' },
        times: 1,
      });
      await world.queue('inspected', { seconds: 1 });
    },
  },
  'a purge by force while a job runs': {
    serves: ['agent/purged-by-force', 'lease/being-cancelled'],
    run: async (world) => {
      await world.apply('purged');
      await world.queue('purged', { seconds: 600 });
      await world.untilAgents('purged', 1, 'Allocated');
      await (await world.odp()).pools.purge('purged', { all: true, force: true });
    },
  },
};
