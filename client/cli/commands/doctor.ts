import type { Command } from 'commander';
import { installationLimits } from '../../../domain/installation.ts';
import { asOdpError, examine, OdpError, type Health, type HealthCheck } from '../../sdk/index.ts';
import { example, globalOptions, type CommandContext } from '../context.ts';
import { interrupted } from '../errors.ts';
import { format, pause, unlessStopped } from '../output.ts';
import { paint, printable, table, type Meaning, type Style } from '../render.ts';
import { withSession } from '../session.ts';

/** Subjects of one check that are printed for people; `--output json` has them all. */
const subjectsMax = 5;

/** `odp doctor`: whether an installation is well. */
export function addDoctorCommand(program: Command, { io, now }: CommandContext): void {
  program
    .command('doctor')
    .description('Check an installation without changing it: engine, workers, credentials, invariants')
    .addHelpText('after', example('odp doctor', 'odp doctor --output json'))
    .action(async (_options: object, command: Command) => {
      const { installation: flag, output } = globalOptions(command);
      const { stop } = io.signals();
      const health = await withSession(io, flag, async ({ odp, installation }) => {
        const reached: HealthCheck = {
          area: 'engine',
          name: 'reachable',
          status: 'ok',
          detail: installation.engine.address,
        };
        const { checks, healthy } = await unlessStopped(
          stop,
          examine(odp, {
            namespace: installation.engine.namespace,
            scheduled: installation.audit.scheduled,
            everyMs: installationLimits(installation).audit.everyMs,
            now,
            async wait(ms) {
              await pause(ms, stop);
              if (stop.aborted) throw interrupted();
            },
          }),
        );
        return { healthy, checks: [reached, ...checks] };
      }).catch(unreachable);
      io.out(format(health, output, (shown) => doctorLines(shown, io)));
      if (health.healthy) return;
      const broken = health.checks.filter(({ status }) => status === 'breached').length;
      throw new OdpError('Unhealthy', `${broken} of ${health.checks.length} checks failed.`, {
        hint: '`docs/operations.md` tells what to do about each.',
      });
    });
}

/** An engine that cannot be reached is a finding like any other; what is wrong with the command line is not. */
function unreachable(error: unknown): Health {
  const { code, message } = asOdpError(error);
  if (code !== 'EngineUnreachable' && code !== 'AuthenticationFailed') throw error;
  return { healthy: false, checks: [{ area: 'engine', name: 'reachable', status: 'breached', detail: message }] };
}

const shown: Record<HealthCheck['status'], { text: string; meaning: Meaning }> = {
  ok: { text: 'ok', meaning: 'good' },
  breached: { text: 'breached', meaning: 'bad' },
  notVisible: { text: 'not visible at one instant', meaning: 'quiet' },
};

/** What `odp doctor` prints for people: one line per check, and below the table what is broken. */
export function doctorLines({ checks, healthy }: Health, style: Style): string[] {
  const broken = checks.filter(({ status }) => status === 'breached');
  return [
    ...table(
      [
        { title: 'CHECK', value: ({ area, name }) => `${area}: ${name}` },
        {
          title: 'STATUS',
          value: ({ status, area }) =>
            status === 'notVisible' && area !== 'invariant' ? 'unknown' : shown[status].text,
          meaning: ({ status }) => shown[status].meaning,
        },
        { title: 'DETAIL', value: ({ detail }) => detail },
      ],
      checks,
      style,
    ),
    ...broken.flatMap(({ name, subjects = [] }) => [
      ...subjects.slice(0, subjectsMax).map((subject) => `  ${name}: ${printable(subject)}`),
      ...(subjects.length > subjectsMax ? [`  ${name}: and ${subjects.length - subjectsMax} more`] : []),
    ]),
    '',
    healthy ? paint(style, 'good', 'healthy') : paint(style, 'bad', `${broken.length} of ${checks.length} breached`),
  ];
}
