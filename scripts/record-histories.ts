/**
 * Records the corpus of histories that `test/replay/replay.test.ts` replays:
 * `npm run record -- [--only NAME]... [--release]`. Starts engine, embedded cloud and worker as processes, makes happen
 * what `test/replay/scenarios.ts` describes, and keeps the shortest history of every state. NAME is a workflow or
 * `workflow/state`; without it everything is recorded, which takes about eleven minutes, because Azure DevOps gives a job
 * up ten minutes after its agent has died.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createCollector } from '../test/replay/collector.ts';
import { corpusFolder, writeHistories } from '../test/replay/corpus.ts';
import { textOf, type RecordedHistory } from '../test/replay/format.ts';
import { auditScenarios } from '../test/replay/audit-scenarios.ts';
import { agentScenarios, organizationScenarios, poolScenarios, type Scenario } from '../test/replay/scenarios.ts';
import { stateNames } from '../test/replay/states.ts';
import { leaks } from '../test/replay/leaks.ts';
import { statefulScenarios } from '../test/replay/stateful-scenarios.ts';
import { verbScenarios } from '../test/replay/verb-scenarios.ts';
import { startWorld, type World } from '../test/replay/world.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const lookEveryMs = 1_000;
const sayEveryMs = 30_000;

const log = (line: string) => process.stderr.write(`${line}\n`);

/** The states that were asked for; each of them is one that a scenario serves. */
function wantedStates(only: readonly string[]): string[] {
  if (only.length === 0) return stateNames;
  const unknown = only.filter((name) => !stateNames.some((state) => isOf(state, name)));
  if (unknown.length > 0) {
    throw new Error(`there is no state ${unknown.join(', ')}; there are ${stateNames.join(', ')}`);
  }
  return stateNames.filter((state) => only.some((name) => isOf(state, name)));
}

const isOf = (state: string, name: string) => state === name || state.startsWith(`${name}/`);

/** Scenarios that can share a system, one group after the other. */
interface Group {
  scenarios: Record<string, Scenario>;
  /** How long after the last scenario was driven to its end a state may still come about. */
  settleMs: number;
  withCanary: boolean;
}

const groups: Group[] = [
  { scenarios: auditScenarios, settleMs: 10_000, withCanary: false },
  {
    scenarios: {
      ...agentScenarios,
      ...statefulScenarios,
      ...verbScenarios,
      ...poolScenarios,
      ...organizationScenarios,
    },
    // Azure DevOps gives a job up ten minutes after its agent died; all else takes half as long.
    settleMs: 11 * 60_000,
    withCanary: true,
  },
];

/** Runs scenarios beside each other and answers a history of every wanted state that came about. */
async function record(
  world: World,
  chosen: readonly (readonly [name: string, scenario: Scenario])[],
  { wanted, settleMs, problems }: { wanted: readonly string[]; settleMs: number; problems: string[] },
): Promise<Map<string, RecordedHistory>> {
  const collector = createCollector(world.client, world.replacements);
  let driving = chosen.length;
  for (const [name, { run }] of chosen) {
    void run(world)
      .catch((error: unknown) => problems.push(`${name}: ${String(error)}`))
      .finally(() => (driving -= 1));
  }
  let drivenAt = Infinity;
  let said = Date.now();
  for (;;) {
    await collector.look();
    const missing = wanted.filter((state) => !collector.found.has(state));
    if (driving === 0) {
      drivenAt = Math.min(drivenAt, Date.now());
      if (missing.length === 0 || Date.now() - drivenAt > settleMs) break;
    }
    if (Date.now() - said > sayEveryMs) {
      said = Date.now();
      log(`${collector.runs.size} histories read, still missing: ${missing.join(', ') || 'nothing'}`);
    }
    await pause(lookEveryMs);
  }
  const missing = wanted.filter((state) => !collector.found.has(state));
  if (missing.length > 0) problems.push(`no history shows ${missing.join(', ')}`);
  return new Map([...collector.found].filter(([state]) => wanted.includes(state)));
}

/** The commit of what was recorded. */
function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', 'workflows', 'domain', 'activities', 'workers');
  return `${git('rev-parse', '--short=12', 'HEAD')}${changed === '' ? '' : '+'}`;
}

async function facts(world: World): Promise<{ commit: string; engine: string; sdk: string }> {
  const { serverVersion } = await world.client.workflowService.getSystemInfo({});
  const manifest = readFileSync(join(root, 'node_modules/@temporalio/worker/package.json'), 'utf8');
  return { commit: commit(), engine: serverVersion, sdk: (JSON.parse(manifest) as { version: string }).version };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true, default: [] }, release: { type: 'boolean', default: false } },
  });
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const folder = values.release ? join(corpusFolder, version) : corpusFolder;
  if (values.release && existsSync(folder)) {
    throw new Error(`the histories of ${version} were recorded already, and recorded histories are never edited`);
  }
  const wanted = wantedStates(values.only);
  log(`recording ${wanted.length} states …`);
  const problems: string[] = [];
  for (const { scenarios, settleMs, withCanary } of groups) {
    const chosen = Object.entries(scenarios).filter(([, { serves }]) => serves.some((state) => wanted.includes(state)));
    const served = new Set(chosen.flatMap(([, { serves }]) => serves));
    if (chosen.length === 0) continue;
    const world = await startWorld(withCanary);
    try {
      const here = wanted.filter((state) => served.has(state));
      const histories = await record(world, chosen, { wanted: here, settleMs, problems });
      const leaked = leaks(histories, world.secrets);
      if (leaked.length > 0) throw new Error(leaked.join('\n'));
      writeHistories(folder, histories, await facts(world));
      const bytes = [...histories.values()].reduce((sum, history) => sum + textOf(history).length, 0);
      process.stdout.write(`${histories.size} histories, ${bytes} bytes\n`);
    } finally {
      await world.close();
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    log(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
