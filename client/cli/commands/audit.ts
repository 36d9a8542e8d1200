import type { Command } from 'commander';
import type { AuditDetails, AuditRepair, AuditReport } from '../../sdk/index.ts';
import { example, globalOptions, type CommandContext } from '../context.ts';
import { format, pause, unlessStopped } from '../output.ts';
import { interrupted } from '../errors.ts';
import { duration, factLines, moment, table, type Meaning, type Style } from '../render.ts';
import { withSession } from '../session.ts';

/** Between two questions how far an audit is; milliseconds. */
const askMs = 1_000;

/** `odp audit`: compare the clouds with the open workflows, and repair. */
export function addAuditCommands(program: Command, { io, now }: CommandContext): void {
  const audit = program
    .command('audit')
    .description('Compare Azure and Azure DevOps with the open workflows, and repair what is wrong');

  audit
    .command('run')
    .description('Audit now, and wait for the outcome; Ctrl-C leaves the audit at work')
    .option('--dry-run', 'plan and print, change nothing')
    .addHelpText('after', example('odp audit run --dry-run', 'odp audit run --output json'))
    .action(async ({ dryRun = false }: { dryRun?: boolean }, command: Command) => {
      const { installation, output } = globalOptions(command);
      const { stop } = io.signals();
      await withSession(io, installation, async ({ odp }) => {
        const started = await odp.audits.start({ dryRun });
        let details = await unlessStopped(stop, odp.audits.show(started));
        while (details.phase !== 'done' && details.phase !== 'awaitingApproval') {
          await pause(askMs, stop);
          if (stop.aborted) throw interrupted();
          details = await unlessStopped(stop, odp.audits.show(started));
        }
        io.out(format(details, output, (shown) => auditLines(shown, now(), io)));
      });
    });

  audit
    .command('show')
    .description('Show what the newest audit found and did')
    .addHelpText('after', example('odp audit show'))
    .action(async (_options: object, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        io.out(format(await odp.audits.show(), output, (shown) => auditLines(shown, now(), io)));
      });
    });

  audit
    .command('approve')
    .description('Let the audit that waits for it delete more than its cap')
    .addHelpText('after', example('odp audit show', 'odp audit approve'))
    .action(async (_options: object, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async ({ odp }) => {
        const approved = await odp.audits.approve();
        io.out(
          format(approved, output, ({ id }) => [`audit ${id}: deletes what is left of ${approved.approved} agents`]),
        );
      });
    });
}

const meanings: Record<AuditRepair['outcome'], Meaning> = {
  planned: 'changing',
  done: 'good',
  notNeeded: 'quiet',
  busy: 'busy',
  unproven: 'bad',
  failed: 'bad',
  left: 'changing',
  notApproved: 'bad',
};

/** What `odp audit` prints for people. */
export function auditLines(details: AuditDetails, now: number, style: Style): string[] {
  const { report, phase, until, findings } = details;
  return [
    ...factLines([
      ['audit', details.id],
      ['began', `${moment(report.startedAt)}, ${duration(now - report.startedAt)} ago`],
      phase === 'done'
        ? ['outcome', outcomes[report.outcome]]
        : ['now', `${phase}${until === undefined ? '' : ` until ${moment(until)}`}`],
      ['looked at', countsLine(report)],
      ...(report.omitted > 0 ? [['not told', `${report.omitted} more findings`] satisfies [string, string]] : []),
    ]),
    ...report.problems.flatMap(({ where, message, hint }) => [`${where}: ${message}`, `  ${hint}`]),
    ...(report.repairs.length > 0 ? ['', ...repairLines(report.repairs, style)] : []),
    ...(phase === 'awaitingApproval'
      ? [
          '',
          ...table(
            [
              { title: 'FINDING', value: ({ kind }) => kind },
              { title: 'SUBJECT', value: ({ subject }) => subject },
            ],
            findings,
            style,
          ),
          '',
          `It would delete more than its cap, what is left of ${report.cap ?? 0} agents. \`odp audit approve\` lets it.`,
        ]
      : []),
  ];
}

const outcomes: Record<AuditReport['outcome'], string> = {
  clean: 'clean: nothing to repair',
  repaired: 'repaired',
  unfinished: 'unfinished: the next audit goes on',
  incomplete: 'incomplete: a list had a gap, so nothing was deleted',
  notApproved: 'not approved: it would have deleted more than its cap, and nobody approved',
  planned: 'planned: nothing was changed',
};

function countsLine({ counts }: AuditReport): string {
  const { resources, registrations, agentPools, agents, leases, unrecognised } = counts;
  const strangers = unrecognised > 0 ? `, of which ${unrecognised} do not tell whose they are` : '';
  return `${resources} resources${strangers}, ${registrations} registrations in ${agentPools} agent pools, ${agents} agents, ${leases} leases`;
}

function repairLines(repairs: AuditRepair[], style: Style): string[] {
  return table(
    [
      { title: 'FINDING', value: ({ kind }) => kind },
      { title: 'OUTCOME', value: ({ outcome }) => outcome, meaning: ({ outcome }) => meanings[outcome] },
      { title: 'SUBJECT', value: ({ subject }) => subject },
      { title: 'WHY', value: ({ message }) => message ?? '' },
    ],
    repairs,
    style,
  );
}
