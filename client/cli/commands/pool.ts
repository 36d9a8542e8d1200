import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { parsePoolText } from '../../../domain/pool-document/parse-text.ts';
import { drainSentence } from '../../../domain/verbs/drain.ts';
import {
  OdpError,
  type ApplyResult,
  type PoolDetails,
  type PoolExplanation,
  type PoolSummary,
} from '../../sdk/index.ts';
import { example, globalOptions, type CommandContext } from '../context.ts';
import { format, show } from '../output.ts';
import type { Io } from '../io.ts';
import { duration, factLines, meaningOf, moment, table, type Style } from '../render.ts';
import { withSession } from '../session.ts';
import { placementFacts } from './pool-placement.ts';
import { addPoolVerbs } from './pool-verbs.ts';

/** `odp pool`: declare pools, look at them, ask why. */
export function addPoolCommands(program: Command, { io, now }: CommandContext): void {
  const pool = program.command('pool').description('Declare pools and look at them');

  pool
    .command('apply')
    .description('Make a pool what a document says; create it if there is none')
    .requiredOption('-f, --filename <file>', 'pool document, YAML or JSON; - reads standard input')
    .addHelpText('after', example('odp pool apply --filename samples/pool.yaml'))
    .action(async ({ filename }: { filename: string }, command: Command) => {
      const { installation, output } = globalOptions(command);
      const document = await readPool(io, filename);
      await withSession(io, installation, async ({ odp }) => {
        const applied = { name: nameOf(document), ...(await odp.pools.apply(document)) };
        io.out(format(applied, output, applyLines));
      });
    });

  pool
    .command('list')
    .description('List pools with their agents by state')
    .option('-w, --watch', 'print again with every change, until Ctrl-C')
    .addHelpText('after', example('odp pool list --output json'))
    .action(async ({ watch = false }: { watch?: boolean }, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        await show(io, output, watch, { read: () => odp.pools.list(), lines: (pools) => listLines(pools, now(), io) });
      });
    });

  pool
    .command('show')
    .description('Show one pool: what it knows, wants and does')
    .argument('<name>', 'name of the pool')
    .option('-w, --watch', 'print again with every change, until Ctrl-C')
    .addHelpText('after', example('odp pool show linux --output yaml'))
    .action(async (name: string, { watch = false }: { watch?: boolean }, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        await show(io, output, watch, {
          read: () => odp.pools.show(name),
          lines: (view) => showLines(view, now(), io),
        });
      });
    });

  pool
    .command('delete')
    .description('Delete a pool; each agent goes after its job')
    .argument('<name>', 'name of the pool')
    .addHelpText('after', example('odp pool delete linux'))
    .action(async (name: string, _options: object, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        const deleted = { name, ...(await odp.pools.delete(name)) };
        io.out(format(deleted, output, ({ status }) => [`pool ${name}: ${status}`]));
      });
    });

  pool
    .command('explain')
    .description('Tell why a pool has the agents that it has')
    .argument('<name>', 'name of the pool')
    .addHelpText('after', example('odp pool explain linux'))
    .action(async (name: string, _options: object, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        io.out(format(await odp.pools.explain(name), output, (explanation) => explainLines(explanation, now())));
      });
    });

  addPoolVerbs(pool, { io, now });
}

/** Reads and checks a document before anything is asked of the engine: all its violations show at once. */
export async function readPool(io: Pick<Io, 'read'>, file: string): Promise<unknown> {
  let text: string;
  try {
    text = file === '-' ? await io.read() : await readFile(file, 'utf8');
  } catch (error) {
    throw new OdpError('Usage', `The pool document ${file} cannot be read.`, {
      hint: 'Name a file with --filename, or - for standard input.',
      cause: error,
    });
  }
  const parsed = parsePoolText(text, file);
  if ('document' in parsed) return parsed.document;
  throw new OdpError('InvalidPool', `The pool document ${file} is not valid; nothing was changed.`, {
    details: parsed.violations.map(({ rule, message, path }) => ({ code: rule, message, target: path })),
  });
}

function nameOf(document: unknown): string {
  return typeof document === 'object' && document !== null && 'name' in document ? String(document.name) : '';
}

function applyLines({ name, status, specificationVersion, agentPoolId }: ApplyResult & { name: string }): string[] {
  return [`pool ${name}: ${status}, version ${specificationVersion}, agent pool ${agentPoolId}`];
}

function agentCounts(agents: Record<string, number>): string {
  return (
    Object.entries(agents)
      .map(([state, count]) => `${count} ${state}`)
      .join(', ') || 'none'
  );
}

/** The table of `odp pool list`. */
export function listLines(pools: PoolSummary[], now: number, style: Style): string[] {
  return table(
    [
      { title: 'POOL', value: ({ name }) => name },
      { title: 'ORGANIZATION', value: ({ organization }) => organization },
      { title: 'AGENTS', value: ({ agents }) => agentCounts(agents) },
      { title: 'SINCE', value: ({ since }) => duration(now - since), align: 'right' },
    ],
    pools,
    style,
  );
}

/** What `odp pool show` prints for people. */
export function showLines(view: PoolDetails, now: number, style: Style): string[] {
  const { specification, totals } = view;
  const queued = view.queued.reduce((sum, { count }) => sum + count, 0);
  const meanWait = totals.jobs === 0 ? '-' : duration(totals.waitedMs / totals.jobs);
  const facts: [string, string][] = [
    ['pool', `${view.pool} (${view.status}, version ${view.specificationVersion})`],
    ...(specification
      ? ([
          ['organization', `${specification.organization.url}, agent pool ${specification.organization.agentPoolName}`],
          [
            'machines',
            `${sizesOf(specification)} in ${specification.machine.location}, at most ${specification.maximumConcurrency}`,
          ],
          ['standby', `${specification.standby.count} (${specification.standby.counts})`],
          ['images', specification.images.map((image) => image.aliases.join(' | ')).join(', ')],
        ] satisfies [string, string][])
      : []),
    ...(view.drain ? [['draining', drainSentence(view.drain)] satisfies [string, string]] : []),
    ['jobs', `${queued} queued, ${view.assigned} assigned, ${view.running} running`],
    [
      'so far',
      `${totals.jobs} jobs, mean wait ${meanWait}; ${totals.requested} agents asked for, ${totals.failed} failed`,
    ],
    ...view.holds.map((hold): [string, string] => [
      'held',
      `${hold.code} until ${moment(hold.until)}: ${hold.message}`,
    ]),
    ...placementFacts(view),
  ];
  return [
    ...factLines(facts),
    ...waitLines(view, style),
    '',
    ...table(
      [
        { title: 'AGENT', value: ({ name }) => name },
        { title: 'IMAGE', value: ({ image }) => image },
        { title: 'PHASE', value: ({ phase }) => phase, meaning: ({ phase }) => phaseMeaning(phase) },
        { title: 'SINCE', value: ({ since }) => duration(now - since), align: 'right' },
      ],
      view.agents,
      style,
    ),
    ...view.agents.flatMap(({ name, kept }) =>
      kept ? [`${name} is kept for inspection until ${moment(kept.until)}: ${kept.why}`] : [],
    ),
  ];
}

function sizesOf({ machine, placement }: NonNullable<PoolDetails['specification']>): string {
  return placement?.vmSizes.join(' or ') ?? machine.vmSize;
}

/** How long its jobs waited, and where: half of them at most p50, all but one in twenty at most p95. */
function waitLines({ waits = [] }: PoolDetails, style: Style): string[] {
  if (waits.length === 0) return [];
  return [
    '',
    ...table(
      [
        { title: 'WAIT', value: ({ leg }) => (leg === 'wait' ? 'in all' : `until ${leg}`) },
        { title: 'JOBS', value: ({ jobs }) => String(jobs), align: 'right' },
        { title: 'P50', value: ({ p50Ms }) => duration(p50Ms), align: 'right' },
        { title: 'P95', value: ({ p95Ms }) => duration(p95Ms), align: 'right' },
      ],
      waits,
      style,
    ),
  ];
}

function phaseMeaning(phase: PoolDetails['agents'][number]['phase']) {
  return meaningOf(
    {
      creating: 'provisioning',
      ready: 'ready',
      busy: 'allocated',
      offline: 'notReady',
      returning: 'pendingReturn',
      kept: 'failed',
      parking: 'notReady',
      parked: 'parked',
      waking: 'starting',
    }[phase],
  );
}

/** What `odp pool explain` prints for people: the last plan with a reason for each step. */
export function explainLines(explanation: PoolExplanation, now: number): string[] {
  const { pool, status, lastPlan, holds, queued, drain } = explanation;
  const demand = queued.map(({ imageOverride, count, oldestQueuedAt }) => {
    const image = imageOverride === null ? 'any image' : `image ${imageOverride}`;
    return `  ${count} for ${image}, the oldest since ${duration(now - oldestQueuedAt)}`;
  });
  const plan = lastPlan && [
    `last plan ${duration(now - lastPlan.at)} ago:`,
    ...(lastPlan.commands.length === 0 ? ['  nothing to do'] : []),
    ...lastPlan.commands.map((command) =>
      command.kind === 'create'
        ? `  create ${command.count} of ${command.image}: ${command.reason.message}`
        : `  ${command.kind} ${command.agent}: ${command.reason.message}`,
    ),
    ...lastPlan.remarks.map(({ image, message }) => (image === undefined ? `  ${message}` : `  ${image}: ${message}`)),
    ...(lastPlan.nextAt === undefined ? [] : [`next plan without any event in ${duration(lastPlan.nextAt - now)}`]),
  ];
  return [
    `pool ${pool}: ${status}`,
    ...(drain ? [`draining: ${drainSentence(drain)} \`odp pool resume ${pool}\` undoes it.`] : []),
    ...(demand.length === 0 ? ['no job waits'] : ['jobs that wait:', ...demand]),
    ...(plan ?? ['it has not planned yet']),
    ...holds.map(({ image, until, code, message }) => {
      return `held${image === undefined ? '' : ` for ${image}`} until ${moment(until)}: ${code}: ${message}`;
    }),
    ...placementFacts(explanation).map(([title, fact]) => `${title} ${fact}`),
  ];
}
