import type { Scenario } from './scenarios.ts';

/** The lives of agents that serve many jobs. */
export const statefulScenarios: Record<string, Scenario> = {
  'a stateful agent that is parked and woken': {
    serves: [
      'agent/served-on',
      'agent/parking',
      'agent/parked',
      'agent/waking',
      'agent/woken',
      'agent/returned-after-many',
    ],
    run: async (world) => {
      await world.apply('kept', {
        maximumConcurrency: 1,
        agentProfile: { kind: 'Stateful' },
        operatorProfile: { park: true },
      });
      await world.queue('kept', { seconds: 2 });
      // Half a minute after its job nothing wants it any more.
      await world.untilAgents('kept', 1, 'Parked');
      await world.queue('kept', { seconds: 6 });
      await world.untilAgents('kept', 1, 'Allocated');
      await (await world.odp()).pools.delete('kept');
    },
  },
};
