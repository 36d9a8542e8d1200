import type { Command } from 'commander';
import { OdpError } from '../../sdk/index.ts';
import type { Organization } from '../azure-devops.ts';
import { example, globalOptions, type CommandContext } from '../context.ts';
import { interrupted, usageError } from '../errors.ts';
import type { Io } from '../io.ts';
import { pause } from '../output.ts';
import { openQueue } from '../queueing.ts';
import { withSession } from '../session.ts';

interface RunOptions {
  image?: string;
  pool?: string;
  project?: string;
  pipeline?: string;
}

/** The embedded Azure DevOps' pipeline, which runs a script that it is given. */
const embeddedPipeline = 'workload';

/** Between two looks at a build that runs. */
const lookMs = 500;

/** `odp job run`: one shell step on an agent of a pool, from the command line. */
export function addJobRun(job: Command, { io }: CommandContext): void {
  job
    .command('run')
    .description('Run a shell script as a job on a pool, print its output, end with its result')
    .argument('<script>', 'lines of a shell script')
    .option('--pool <name>', 'pool that runs it; needed where there are several')
    .option('--image <alias>', "image that the job demands; by default the pool's first")
    .option('--project <name>', "project of the pipeline; by default the pool's first, or the only one")
    .option('--pipeline <name>', 'pipeline that runs its variable `script`; the embedded cloud brings one')
    .addHelpText('after', example("odp job run --pool linux 'make test'"))
    .action(async (script: string, { image, pipeline, ...target }: RunOptions, command: Command) => {
      const { installation } = globalOptions(command);
      await withSession(io, installation, async (session) => {
        const queue = await openQueue(session, { ...target, pipeline: pipeline ?? embeddedPipeline }, ({ url }) => {
          if (pipeline === undefined) requireEmbedded(url);
        });
        const { stop } = io.signals();
        const build = await queue.run(image ?? queue.firstImage, script);
        io.err(`build ${build} is queued on pool ${queue.pool}`);
        const azureDevOps = session.organization(queue.organizationUrl);
        await follow(azureDevOps, { project: queue.project, build }, io, stop);
      });
    });
}

/** Azure DevOps itself runs only what is in its pipelines; there, a pipeline of that name may be anything. */
function requireEmbedded(url: string): void {
  const { hostname } = new URL(url);
  if (hostname !== 'dev.azure.com' && !hostname.endsWith('.visualstudio.com')) return;
  throw usageError(
    `${url} is Azure DevOps itself, where a job runs only what its pipeline says.`,
    'Make a pipeline with the one step `script: $(script)`, let its variable `script` be set when queued, and name it with --pipeline.',
  );
}

/**
 * Prints the lines of the build's steps as they come, until it has ended.
 *
 * @throws OdpError `JobFailed` where its result is another than success; `Interrupted` after Ctrl-C, which cancels it
 */
async function follow(
  azureDevOps: Organization,
  { project, build }: { project: string; build: number },
  io: Pick<Io, 'out' | 'err'>,
  stop: AbortSignal,
): Promise<void> {
  const printed = new Map<number, number>();
  for (;;) {
    // In this order: the lines that are read after the result was, are all lines.
    const { finished, result, agent, steps } = await azureDevOps.buildProgress(project, build);
    for (const { log } of steps) {
      const lines = await azureDevOps.logLines(project, build, log);
      const from = printed.get(log) ?? 0;
      printed.set(log, lines.length);
      for (const line of outputOf(lines).filter(({ index }) => index >= from)) io[line.stream](line.text);
    }
    if (finished) {
      if (result === 'succeeded') return;
      const where = agent === '' ? '' : ` on ${agent}`;
      throw new OdpError('JobFailed', `Build ${build} ended${where}: ${result}.`);
    }
    await pause(lookMs, stop);
    if (!stop.aborted) continue;
    await azureDevOps.cancelBuild(project, build);
    throw interrupted();
  }
}

/** After this line, the log of a step is what its command wrote. */
const outputBegins = /^=+ Starting Command Output =+$/;

/** What the command of a step wrote, and the errors that the agent added; with the place in the log. */
export function outputOf(lines: readonly string[]): { index: number; text: string; stream: 'out' | 'err' }[] {
  const found: { index: number; text: string; stream: 'out' | 'err' }[] = [];
  let begun = false;
  for (const [index, line] of lines.entries()) {
    // The server stamps each line with its time.
    const text = line.replace(/^\S+T\S+Z /, '');
    const [, error] = /^##\[error\](.*)$/.exec(text) ?? [];
    if (error !== undefined) found.push({ index, text: error, stream: 'err' });
    else if (begun && !text.startsWith('##[section]')) found.push({ index, text, stream: 'out' });
    if (outputBegins.test(text)) begun = true;
  }
  return found;
}
