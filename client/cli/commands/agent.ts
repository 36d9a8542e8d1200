import type { Command } from 'commander';
import { describePlace } from '../../../domain/placement/place.ts';
import type { AgentSummary, AgentView } from '../../sdk/index.ts';
import { example, globalOptions, type CommandContext } from '../context.ts';
import { format, show } from '../output.ts';
import { duration, factLines, meaningOf, moment, table, type Style } from '../render.ts';
import { withSession } from '../session.ts';

/** `odp agent`: the machines, what they do, and the release of one that is kept. */
export function addAgentCommands(program: Command, { io, now }: CommandContext): void {
  const agent = program.command('agent').description('Look at agents, and release those that are kept');

  agent
    .command('list')
    .description('List the agents that exist')
    .option('--pool <name>', 'only those of this pool')
    .option('-w, --watch', 'print again with every change, until Ctrl-C')
    .addHelpText('after', example('odp agent list --pool linux', 'odp agent list --watch'))
    .action(async ({ pool, watch = false }: { pool?: string; watch?: boolean }, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        await show(io, output, watch, {
          read: () => odp.agents.list(pool === undefined ? {} : { pool }),
          lines: (agents) => agentListLines(agents, now(), io),
        });
      });
    });

  agent
    .command('show')
    .description('Show one agent: its state, why, and what is next')
    .argument('<name>', 'name of the agent')
    .option('-w, --watch', 'print again with every change, until Ctrl-C')
    .addHelpText('after', example('odp agent show 3f2a91c07000001'))
    .action(async (name: string, { watch = false }: { watch?: boolean }, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        await show(io, output, watch, {
          read: () => odp.agents.show(name),
          lines: (view) => agentLines(view, now()),
        });
      });
    });

  agent
    .command('release')
    .description('Let a machine go that is kept for inspection')
    .argument('<name>', 'name of the agent')
    .addHelpText('after', example('odp agent release 3f2a91c07000001'))
    .action(async (name: string, _options: object, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        io.out(format(await odp.agents.release(name), output, ({ agent: released }) => [`${released}: goes now`]));
      });
    });
}

/** The table of `odp agent list`, and below it what is kept for inspection and why. */
export function agentListLines(agents: AgentSummary[], now: number, style: Style): string[] {
  const kept = agents.flatMap(({ name, kept: keeping }) =>
    keeping ? [`${name} is kept for inspection until ${moment(keeping.until)}: ${keeping.why}`] : [],
  );
  const lines = table(
    [
      { title: 'AGENT', value: ({ name }) => name },
      { title: 'POOL', value: ({ pool }) => pool },
      { title: 'IMAGE', value: ({ image }) => image },
      { title: 'STATE', value: ({ state }) => state, meaning: ({ state }) => meaningOf(state) },
      { title: 'SIZE', value: ({ vmSize }) => vmSize },
      { title: 'AGE', value: ({ since }) => duration(now - since), align: 'right' },
    ],
    agents,
    style,
  );
  return [...lines, ...kept];
}

/** What `odp agent show` prints for people. */
export function agentLines(view: AgentView, now: number): string[] {
  const { receipt, job, deadline } = view;
  const steps: [string, number | undefined][] = [
    ['decided', receipt.decidedAt],
    ['create sent', receipt.createSentAt],
    ['VM running', receipt.runningAt],
    ['online', receipt.onlineAt],
  ];
  const facts: [string, string][] = [
    ['agent', `${view.agent} of pool ${view.pool}`],
    ['image', view.image],
    ['state', `${view.state} since ${duration(now - view.since)}: ${view.why}`],
    ...(view.placement === undefined
      ? []
      : ([['place', `${describePlace(view.placement)}: ${view.placement.why}`]] satisfies [string, string][])),
    ...(deadline === undefined ? [] : [['deadline', moment(deadline)] satisfies [string, string]]),
    ...(job ? [['job', `${job.jobName} (request ${job.requestId})`] satisfies [string, string]] : []),
    ...(view.resourceId === undefined ? [] : [['machine', view.resourceId] satisfies [string, string]]),
    ...steps.flatMap(([name, at]): [string, string][] => (at === undefined ? [] : [[name, moment(at)]])),
  ];
  return factLines(facts);
}
