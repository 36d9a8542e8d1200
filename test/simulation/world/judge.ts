import { hintOf, knownErrorCodes } from '../../../domain/error-catalogue.ts';
import type {
  Account,
  Breach,
  Disturbance,
  PoolAccount,
  SurfacedError,
  WorkflowLife,
} from '../../../domain/invariants/account.ts';
import { secretsIn } from '../../../domain/invariants/histories.ts';
import { checkAccount } from '../../../domain/invariants/invariants.ts';
import type { InvariantRules } from '../../../domain/invariants/rules.ts';
import { workflowTypes, type PoolInput, type PoolView } from '../../../domain/messages.ts';
import { declaredIn, toldBy } from '../../support/account/declared.ts';
import { accountFromLedger } from '../../support/account/from-ledger.ts';
import { surfacedErrors } from '../../support/account/surfaced.ts';
import type { Run } from '../engine/records.ts';
import { decodeAll, stable } from '../engine/payloads.ts';
import type { Schedule } from '../schedule/schedule.ts';
import { privateNumbers } from '../time/globals.ts';
import type { Nemesis } from './nemesis.ts';
import type { People } from './people.ts';
import { simulationStart, type World } from './world.ts';

/** One run, as everybody in it knows it. */
export interface Trial {
  schedule: Schedule;
  world: World;
  people: People;
  nemesis: Nemesis;
  /** Errors that pools told their users while the run went on. */
  told: SurfacedError[];
}

/** Judges a run as it stands now. */
export async function breachesOf(trial: Trial): Promise<Breach[]> {
  const { engine, cloud, timeline } = trial.world;
  const { nemesis, schedule } = trial;
  const account = await accountOf(trial);
  const rules: InvariantRules = { limits: schedule.limits, knownErrors: knownErrorCodes };
  const present = new Set(
    cloud.context.ledger
      .entries('resource')
      .flatMap(({ id, event }) => (event === 'deleted' ? [id.toLowerCase()] : [])),
  );
  return [
    ...engine.problems.map(({ kind, at, workflowId, message }) => ({
      invariant: kind,
      at,
      subject: workflowId,
      message,
    })),
    ...checkAccount(account, rules),
    ...(await doneTwice(trial)),
    ...nemesis.foreign
      .filter((id) => present.has(id.toLowerCase()))
      .map((id) => ({
        invariant: 'foreignUntouched',
        at: timeline.now(),
        subject: id,
        message: 'It is not ours, and it is gone.',
      })),
  ];
}

/** An update that is sent again with the same id is answered, not done again, also after continue-as-new. */
async function doneTwice({ world, people, schedule }: Trial): Promise<Breach[]> {
  const breaches: Breach[] = [];
  for (const { name } of schedule.pools) {
    const run = world.engine.openRun(`pool/${name}`);
    if (!run || run.committed.length === 0 || run.replayFailure) continue;
    const { specificationVersion, status } = (await world.engine.query(run.workflowId, 'view')) as PoolView;
    if (status === 'Draining' && people.operators.serving.has(run.firstRunId)) {
      const said = 'It drains, and the last that it was told is to serve.';
      breaches.push({ invariant: 'noUpdateTwice', at: world.timeline.now(), subject: run.workflowId, message: said });
    }
    const accepted = people.accepted.filter(({ pool, life }) => pool === name && life === run.firstRunId).length;
    if (specificationVersion <= accepted || people.unanswered.has(run.firstRunId)) continue;
    const message = `It is at version ${specificationVersion} after ${accepted} accepted documents.`;
    breaches.push({ invariant: 'noUpdateTwice', at: world.timeline.now(), subject: run.workflowId, message });
  }
  return breaches;
}

/** Looks for secrets in everything that the engine keeps. Costly, so once, at the end. */
export function secretsOf({ world }: Trial): Breach[] {
  const { facts } = world.cloud;
  return secretsIn(texts(world), {
    'the personal access token': facts.personalAccessToken,
    'the client secret': facts.clientSecret,
    'an access token': world.cloud.token('https://management.azure.com').split('.')[0] ?? '',
    // The name of a number that only private keys have, and the numbers themselves.
    'a private key': '"inverseQ"',
    ...Object.fromEntries(privateNumbers().map((number, index) => [`number ${index} of a private key`, number])),
  });
}

function* texts({ engine }: World): Iterable<{ where: string; text: string }> {
  for (const run of engine.allRuns()) {
    for (const { jobs, commands } of run.committed) yield { where: run.workflowId, text: `${stable(jobs)}${commands}` };
    yield { where: run.workflowId, text: JSON.stringify([run.result, run.attributes]) };
  }
  for (const text of engine.activityTasks.heartbeats) yield { where: 'a heartbeat', text };
  for (const text of engine.activityTasks.failures) yield { where: 'a failure of an attempt', text };
}

async function accountOf(trial: Trial): Promise<Account> {
  const { schedule, world, people, nemesis, told } = trial;
  const { engine, cloud, timeline, installation } = world;
  const pools = await poolAccounts(trial);
  const workflows = workflowLives(engine.allRuns());
  return accountFromLedger((kind) => cloud.context.ledger.entries(kind), {
    installation: installation.name,
    organization: cloud.facts.organization,
    from: simulationStart,
    until: timeline.now(),
    quietFrom: simulationStart + schedule.chaosMs,
    workflows,
    pools,
    disturbances: disturbances({ schedule, nemesis, people }),
    errors: [...told, ...handedOver(engine.allRuns()), ...surfaced(people, pools, workflows, timeline.now())],
  });
}

/** What holds the pools back now, as they tell their users. */
export async function holdsTold(trial: Omit<Trial, 'told'>): Promise<SurfacedError[]> {
  return surfacedErrors(await poolAccounts(trial), [], trial.world.timeline.now());
}

/** What held a pool back when it continued as new: its users were told the same until then. */
function handedOver(runs: readonly Run[]): SurfacedError[] {
  return runs.flatMap(({ workflowId, type, input, startedAt }) => {
    const { state } = (decodeAll(input)[0] ?? {}) as Partial<PoolInput>;
    if (type !== workflowTypes.pool || !state) return [];
    return surfacedErrors(
      [{ name: workflowId.slice('pool/'.length), declared: [], holds: state.holds }],
      [],
      startedAt,
    );
  });
}

/** Errors where people see them: in refusals, in what holds a pool back, in how agents and audits ended. */
function surfaced(
  people: People,
  pools: readonly PoolAccount[],
  workflows: readonly WorkflowLife[],
  at: number,
): SurfacedError[] {
  return [
    ...people.refused.map((refused) => ({ ...refused, hint: hintOf(refused.code) ?? '' })),
    ...surfacedErrors(pools, workflows, at),
  ];
}

function disturbances({ schedule, nemesis, people }: Pick<Trial, 'schedule' | 'nemesis' | 'people'>): Disturbance[] {
  // Agents die by a fault of the cloud, at moments that only it knows.
  const dying = schedule.faults.filter(({ fault }) => fault.effect.kind === 'agentDies');
  return [
    ...nemesis.disturbances,
    ...dying.map(({ from }) => ({ at: simulationStart + from, kind: 'agentDied', subject: 'any' })),
    ...people.operators.disturbances,
    ...people.cancelledBuilds.map(({ at, buildId }) => ({ at, kind: 'buildCancelled', subject: String(buildId) })),
  ];
}

function workflowLives(runs: readonly Run[]): WorkflowLife[] {
  return [...Map.groupBy(runs, ({ workflowId }) => workflowId)].map(([id, all]) => ({
    id,
    type: all[0]?.type ?? '',
    runs: all.map(({ runId, startedAt, closedAt, status, events, replayFailure }) => ({
      runId,
      startedAt,
      ...(closedAt === undefined ? {} : { closedAt }),
      status,
      events,
      ...(replayFailure === undefined ? {} : { replayFailure }),
    })),
    states: all.flatMap(({ states }) => states),
    result: all.at(-1)?.result,
  }));
}

async function poolAccounts({ schedule, world, people }: Omit<Trial, 'told'>): Promise<PoolAccount[]> {
  const { engine } = world;
  const accounts: PoolAccount[] = [];
  for (const { name } of schedule.pools) {
    let run = engine.openRun(`pool/${name}`);
    // A query waits for the task that is under way, and nothing moves unless time does. It may end by a new run.
    while (run?.task === 'started') {
      await world.timeline.run(world.timeline.now() + 5);
      run = engine.openRun(`pool/${name}`);
    }
    const asked = run !== undefined && run.committed.length > 0 && !run.replayFailure;
    const view = asked ? ((await engine.query(`pool/${name}`, 'view')) as PoolView) : undefined;
    const deletedAt = people.deleted.get(name);
    accounts.push({
      name,
      declared: people.accepted
        .filter(({ pool }) => pool === name)
        .map(({ at, document }) => ({ at, ...declaredIn(document) })),
      ...(deletedAt === undefined ? {} : { deletedAt }),
      ...(view?.specification ? toldBy(view) : {}),
    });
  }
  return accounts;
}
