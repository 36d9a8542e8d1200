import { workflowIds } from '../../domain/names.ts';
import { eventually } from '../support/eventually.ts';
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
  'a stateful agent that gets more signals than one run takes': {
    serves: ['agent/continued-as-new', 'agent/handed-over'],
    run: async (world) => {
      const stateful = { maximumConcurrency: 1, agentProfile: { kind: 'Stateful' } };
      await world.apply('heirs', stateful, { agent: { signalsPerRun: 1 } });
      await world.queue('heirs', { seconds: 2 });
    },
  },
  'a stateful agent that gets a job in the moment in which it is to be parked': {
    serves: ['agent/park-refused'],
    run: async (world) => {
      const { agentPoolId } = await world.apply('hurried', {
        maximumConcurrency: 1,
        agentProfile: { kind: 'Stateful' },
        operatorProfile: { park: true },
      });
      await world.queue('hurried', { seconds: 1 });
      const [name = ''] = await world.untilAgents('hurried', 1, 'Allocated');
      await world.untilAgents('hurried', 1, 'Ready');
      // The observer sees nothing until the server has refused to let the agent go: nobody told it of its job.
      const blind = (await world.control('POST', '/faults', {
        match: { operation: 'Agents_List', path: `*/pools/${agentPoolId}/agents` },
        effect: { kind: 'reject', status: 503, code: 'ServiceUnavailable' },
      })) as { id: string };
      await world.queue('hurried', { seconds: 20 });
      await eventually(async () => {
        const jobs = (await world.stack.ledger('job')).filter(
          ({ event, agentName }) => event === 'received' && agentName === name,
        );
        if (jobs.length < 2) throw new Error('no second job yet');
      }, 30_000);
      const agent = world.client.workflow.getHandle(workflowIds.agent('hurried', name));
      await agent.signal('park', { reason: 'nobody seemed to need it' });
      const { agents } = await world.odp();
      await eventually(async () => {
        const { why } = await agents.show(name);
        if (why !== 'the server holds a job for it') throw new Error(`the agent does not know of its job: ${why}`);
      }, 30_000);
      await world.control('DELETE', `/faults/${blind.id}`);
    },
  },
};
