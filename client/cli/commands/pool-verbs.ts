import type { Command } from 'commander';
import { drainSentence } from '../../../domain/verbs/drain.ts';
import { OdpError, type DrainAnswer, type OpenDevOpsPools, type PurgeAnswer } from '../../sdk/index.ts';
import { deadline } from '../arguments.ts';
import { example, globalOptions, type CommandContext } from '../context.ts';
import { interrupted } from '../errors.ts';
import type { Io } from '../io.ts';
import { format, pause } from '../output.ts';
import { table, type Style } from '../render.ts';
import { withSession } from '../session.ts';

/** Milliseconds between two looks at a pool that drains. */
const lookMs = 2_000;

interface DrainOptions {
  by?: number;
  cancelAtDeadline?: true;
  wait?: boolean;
}

/** What operators do to a pool that is there: purge, drain, resume. */
export function addPoolVerbs(pool: Command, { io, now }: CommandContext): void {
  pool
    .command('purge')
    .description('Return agents after their jobs; new ones are made where they are wanted')
    .argument('<name>', 'name of the pool')
    .argument('[agents...]', 'names of agents')
    .option('--all', 'all agents that the pool has now')
    .option('--force', 'cancel the jobs that run on them, instead of waiting for their end')
    .addHelpText('after', example('odp pool purge linux 3f2a91c07000001', 'odp pool purge linux --all'))
    .action(async (name: string, agents: string[], flags: { all?: true; force?: true }, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        const answer = await odp.pools.purge(name, { ...(agents.length === 0 ? {} : { agents }), ...flags });
        io.out(format(answer, output, (purged) => purgeLines(purged, io)));
      });
    });

  pool
    .command('drain')
    .description('Make no new machine, let jobs finish, and tell when the last one ends')
    .argument('<name>', 'name of the pool')
    .option('--by <time>', 'deadline: a moment, or a time from now such as 90m, 8h or 2d', deadline(now))
    .option('--cancel-at-deadline', 'cancel what still runs at the deadline')
    .option('--wait', 'return when the last agent is gone')
    .addHelpText('after', example('odp pool drain linux', 'odp pool drain linux --by 8h --wait'))
    .action(async (name: string, { wait = false, ...request }: DrainOptions, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        const answer = await odp.pools.drain(name, request);
        const last = wait ? await untilEmpty(io, odp, name) : answer;
        io.out(format({ name, ...last }, output, drainLines));
      });
    });

  pool
    .command('resume')
    .description('Serve jobs again after a drain')
    .argument('<name>', 'name of the pool')
    .addHelpText('after', example('odp pool resume linux'))
    .action(async (name: string, _options: object, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        io.out(format({ name, ...(await odp.pools.resume(name)) }, output, drainLines));
      });
    });
}

/**
 * Looks until the last agent is gone, and says on the way when that is expected. @throws OdpError `Conflict` when the
 * drain was undone meanwhile
 */
async function untilEmpty(io: Io, odp: OpenDevOpsPools, name: string): Promise<DrainAnswer> {
  const { stop } = io.signals();
  let said = '';
  while (!stop.aborted) {
    const { status, drain } = await odp.pools.show(name);
    if (drain === undefined) {
      throw new OdpError('Conflict', `The pool ${name} does not drain any more: its status is ${status}.`, {
        hint: `\`odp pool show ${name}\` tells what it does.`,
      });
    }
    if (drain.agents === 0) return { status, drain };
    const sentence = drainSentence(drain);
    if (sentence !== said) io.err(`${name}: ${sentence}`);
    said = sentence;
    await pause(lookMs, stop);
  }
  throw interrupted();
}

const outcomes: Record<PurgeAnswer['agents'][number]['outcome'], string> = {
  goesNow: 'goes now',
  afterItsJob: 'after its job',
  cancelled: 'cancelled',
  kept: 'stays: kept for inspection',
};

/** The table of `odp pool purge`. */
export function purgeLines({ agents }: PurgeAnswer, style: Style): string[] {
  if (agents.length === 0) return ['no agent is there to go'];
  return table(
    [
      { title: 'AGENT', value: ({ agent }) => agent },
      { title: 'WHAT HAPPENS', value: ({ outcome }) => outcomes[outcome] },
    ],
    agents,
    style,
  );
}

/** What `odp pool drain` and `odp pool resume` print for people. */
export function drainLines({ name, status, drain }: DrainAnswer & { name: string }): string[] {
  return [`pool ${name}: ${status}${drain === undefined ? '' : `, ${drainSentence(drain)}`}`];
}
