import { InvalidArgumentError, type Command } from 'commander';
import { replay, type ReplayResult } from '../../workload/replay.ts';
import { schedule, selectTrace } from '../../workload/trace.ts';
import { asOdpError, OdpError } from '../../sdk/index.ts';
import { instant, positiveInteger, positiveNumber, seconds } from '../arguments.ts';
import { interrupted } from '../errors.ts';
import { example, globalOptions, type CommandContext } from '../context.ts';
import { format, pause, show } from '../output.ts';
import { openQueue } from '../queueing.ts';
import { duration } from '../render.ts';
import { withSession } from '../session.ts';
import { readTrace } from '../trace-file.ts';
import { jobListLines, readJobs } from './job-list.ts';
import { jobLines } from './job-receipt.ts';
import { addJobRun } from './job-run.ts';

interface QueueOptions {
  image: string;
  count: number;
  duration: number;
  pool?: string;
  project?: string;
  pipeline: string;
}

interface ReplayOptions extends Omit<QueueOptions, 'image' | 'count' | 'duration'> {
  speed: number;
  image?: string[];
  from?: number;
  to?: number;
  limit?: number;
}

/** `odp job`: what waits and runs, and why it waited; and a load to try a pool with. */
export function addJobCommands(program: Command, { io, now }: CommandContext): void {
  const job = program.command('job').description('Look at jobs, and queue some to try a pool');

  job
    .command('list')
    .description('List jobs that wait, run or ran, with their waits')
    .option('--pool <name>', 'only those of this pool')
    .option('--limit <n>', 'at most so many finished jobs', positiveInteger, 20)
    .option('-w, --watch', 'print again with every change, until Ctrl-C')
    .addHelpText('after', example('odp job list --pool linux', 'odp job list --output json'))
    .action(
      async ({ pool, limit, watch = false }: { pool?: string; limit: number; watch?: boolean }, command: Command) => {
        const { installation, output } = globalOptions(command);
        await withSession(io, installation, async (session) => {
          await show(io, output, watch, {
            read: () => readJobs(session, { limit, now, ...(pool === undefined ? {} : { pool }) }),
            lines: (jobs) => jobListLines(jobs, io),
          });
        });
      },
    );

  job
    .command('show')
    .description('Show one job that got an agent, and where its wait went')
    .argument('<request>', 'id of the job request', positiveInteger)
    .option('--organization <name>', 'its organisation, where several use this id')
    .option('-w, --watch', 'print again with every change, until Ctrl-C')
    .addHelpText('after', example('odp job show 1042'))
    .action(
      async (
        request: number,
        { organization, watch = false }: { organization?: string; watch?: boolean },
        command: Command,
      ) => {
        const { installation, output } = globalOptions(command);
        await withSession(io, installation, async ({ odp }) => {
          await show(io, output, watch, {
            read: () => odp.jobs.show(request, organization === undefined ? {} : { organization }),
            lines: (shown) => jobLines(shown, now()),
          });
        });
      },
    );

  addJobRun(job, { io, now });

  withTarget(job.command('queue').description('Queue real builds that take a set time'))
    .requiredOption('--image <alias>', 'image that the jobs demand')
    .option('--count <n>', 'how many', positiveInteger, 1)
    .option('--duration <time>', 'how long each runs, such as 30s or 5m', seconds, 30)
    .addHelpText('after', example('odp job queue --image ubuntu --count 10 --duration 30s'))
    .action(async ({ image, count, duration: durationSeconds, ...target }: QueueOptions, command: Command) => {
      const { installation, output } = globalOptions(command);
      await withSession(io, installation, async (session) => {
        const queue = await openQueue(session, target);
        const builds: number[] = [];
        const { stop } = io.signals();
        for (let index = 0; index < count && !stop.aborted; index++) {
          builds.push(await queue.queue(image, durationSeconds));
        }
        const queued = { pool: queue.pool, project: queue.project, image, durationSeconds, builds };
        io.out(
          format(queued, output, () => [
            `queued ${builds.length} of ${count} builds for ${image} on pool ${queue.pool}: ${span(builds)}`,
          ]),
        );
        if (stop.aborted) throw interrupted();
      });
    });

  withTarget(job.command('replay').description('Queue the jobs of a trace when they came, or faster'))
    .argument('<file>', 'CSV with the columns arrival_utc,duration_s,label,group; also as .csv.gz')
    .option('--speed <n>', 'how many times faster than they came', positiveNumber, 1)
    .option('--image <label=alias...>', 'image that a label of the trace means; by default the one of its name')
    .option('--from <time>', 'only jobs from this moment on, ISO 8601', instant)
    .option('--to <time>', 'only jobs before this moment, ISO 8601', instant)
    .option('--limit <n>', 'at most so many jobs', positiveInteger)
    .addHelpText(
      'after',
      example('odp job replay samples/workload.csv --speed 2', 'odp job replay jobs.csv.gz --image linux-4=ubuntu'),
    )
    .action(
      async (file: string, { speed, image = [], from, to, limit, ...target }: ReplayOptions, command: Command) => {
        const { installation, output } = globalOptions(command);
        const aliases = labelAliases(image);
        const rows = selectTrace(await readTrace(file), {
          ...(from === undefined ? {} : { from }),
          ...(to === undefined ? {} : { to }),
          ...(limit === undefined ? {} : { limit }),
        });
        if (rows.length === 0) throw new OdpError('Usage', `The trace ${file} has no job in this span.`);
        const jobs = schedule(rows, speed);
        await withSession(io, installation, async (session) => {
          const { stop } = io.signals();
          const queue = await openQueue(session, target);
          const last = jobs.at(-1)?.atMs ?? 0;
          io.err(`replaying ${jobs.length} jobs over ${duration(last)} on pool ${queue.pool}`);
          const result = await replay(jobs, {
            queue: ({ label, durationSeconds }) => queue.queue(aliases.get(label) ?? label, durationSeconds),
            failed: ({ label }, error) => io.err(`not queued (${label}): ${asOdpError(error).message}`),
            signal: stop,
            now,
            wait: pause,
          });
          io.out(format(result, output, replayLines));
          if (stop.aborted) throw interrupted();
          if (result.failed > 0) throw new OdpError('ReplayIncomplete', `${result.failed} jobs could not be queued.`);
        });
      },
    );
}

function withTarget(command: Command): Command {
  return command
    .option('--pool <name>', 'pool that runs them; needed where there are several')
    .option('--project <name>', "project of the pipeline; by default the pool's first, or the only one")
    .option('--pipeline <name>', 'pipeline to queue', 'workload');
}

function labelAliases(pairs: string[]): Map<string, string> {
  return new Map(
    pairs.map((pair) => {
      const at = pair.lastIndexOf('=');
      if (at < 1 || at === pair.length - 1) throw new InvalidArgumentError(`'${pair}' is not label=alias.`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function span(builds: number[]): string {
  const [first, last] = [builds[0], builds.at(-1)];
  if (first === undefined) return 'none';
  return first === last ? `build ${first}` : `builds ${first} to ${last}`;
}

function replayLines({ planned, queued, failed, longestLatenessMs }: ReplayResult): string[] {
  return [`queued ${queued} of ${planned} jobs, ${failed} failed, at most ${duration(longestLatenessMs)} late`];
}
