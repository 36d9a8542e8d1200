import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  currentUpdateInfo,
  log,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import type { AgentInput, PoolInput, PoolState } from '../domain/messages.ts';
import { agentName, generationOf } from '../domain/names.ts';
import { takePlace } from '../domain/placement/pool-placement.ts';
import { planCapacity } from '../domain/planning/plan-capacity.ts';
import type { Command, Plan } from '../domain/planning/types.ts';
import type { PoolSpecification } from '../domain/pool-specification.ts';
import {
  applyObservation,
  demandSeenAt,
  newPoolState,
  nextOverdueAt,
  planningInput,
  reconcileRoster,
  rememberUpdate,
} from '../domain/pool-state.ts';
import { engine, priorities } from './activity-profiles.ts';
import { failureDetails, ownFailure } from './failures.ts';
import { apply, deletePool, poolDocument, poolObserved, poolView, type ApplyResult } from './messages.ts';
import { acceptDocument } from './pool/accept-document.ts';
import { retireAgent, startAgent } from './pool/agents.ts';
import { describePool } from './pool/describe.ts';
import { lifeOf, parkOrWake } from './pool/lives.ts';
import { removeAgentPool } from './pool/remove.ts';
import { handleReports } from './pool/reports.ts';
import { OperatorVerbs } from './pool/verbs.ts';
import { viewOf } from './pool/view.ts';
import { watched } from './pool/watched.ts';
import { searchAttributes } from './search-attributes.ts';

/** A pool that was started without a document ends after this long. */
const firstDocumentMs = 300_000;

/** After Azure DevOps refused for a reason that only an operator can mend, how long until we ask again. */
const refusedRetryMs = 300_000;

/**
 * A pool's life, from its first document until nothing of it is left. It holds what is wanted (the document), what is
 * there (the roster) and what waits (the observer's counts), plans on every event, and acts on the plan: starts agents,
 * asks agents to return. Documents and deletion come as updates, facts as signals. It continues as new with its whole
 * state when the server suggests it or after `signalsPerRun` signals.
 */
export async function pool(input: PoolInput): Promise<void> {
  const life = new PoolLife(input);
  // Who cancels the workflow wants the pool gone, not its agents left behind without an owner.
  CancellationScope.current().cancelRequested.catch(() => life.delete());
  await CancellationScope.nonCancellable(() => live(life, input));
}

async function live(life: PoolLife, input: PoolInput): Promise<void> {
  if (!(await life.firstDocument())) return;
  for (;;) {
    await life.turn();
    if (life.gone) {
      await condition(allHandlersFinished);
      return;
    }
    if (life.shouldContinueAsNew()) {
      await condition(allHandlersFinished);
      // Nothing may be awaited between here and the command: what a handler added meanwhile is in the snapshot.
      return await continueAsNew<typeof pool>({ ...input, state: life.state });
    }
  }
}

class PoolLife {
  readonly state: PoolState;
  gone = false;

  private readonly input: PoolInput;
  private readonly verbs: OperatorVerbs;
  private events = 0;
  private planned = -1;
  private signals = 0;
  private accepting = 0;
  /** Of a first document: what may have been made in Azure DevOps, until it is accepted. */
  private begun: PoolSpecification | undefined;
  private attempts = 0;
  private applying: Promise<void> = Promise.resolve();
  private nextPlanAt: number | undefined;
  private reconcileAt: number;
  private suspects: { gone: string[]; unknown: string[] } = { gone: [], unknown: [] };
  private lastPlan: { at: number; plan: Plan } | undefined;

  constructor(input: PoolInput) {
    this.input = input;
    this.state = input.state ?? newPoolState(generationOf(uuid4()));
    this.reconcileAt = Date.now() + input.limits.pool.reconcileMs;
    setHandler(
      poolObserved,
      (observation) => {
        this.signals++;
        if (applyObservation(this.state, observation)) this.events++;
      },
      { description: 'What changed in Azure DevOps since the last look.' },
    );
    handleReports(this.state, input.limits.pool, () => {
      this.signals++;
      this.events++;
    });
    setHandler(apply, (update) => this.apply(update.document), {
      validator: (update: { document: unknown }) => this.validate(update),
      description: 'Make the pool what the document says. Refused as a whole when anything in it is wrong.',
    });
    setHandler(deletePool, async () => this.delete(), {
      description: 'Return every agent after its job, remove the agent pool in Azure DevOps, then close.',
    });
    this.verbs = new OperatorVerbs({
      input,
      state: this.state,
      changed: () => void this.events++,
      signalled: () => void this.signals++,
    });
    setHandler(poolView, () => viewOf(this.input, this.state, this.lastPlan), {
      description: 'What the pool knows, wants and last decided.',
    });
    setHandler(poolDocument, () => this.state.document ?? null, { description: 'The document as last accepted.' });
  }

  /** Answers whether there is a document to live by. Without one the pool ends, and nothing was created. */
  async firstDocument(): Promise<boolean> {
    if (this.state.specification) return true;
    upsertSearchAttributes([{ key: searchAttributes.poolName, value: this.input.pool }]);
    for (;;) {
      await condition(
        () => this.state.specification !== undefined || (this.attempts > 0 && this.accepting === 0),
        firstDocumentMs,
        { summary: 'wait for the first document' },
      );
      if (this.state.specification) return true;
      if (!this.begun) break;
      if (await this.inTurn(() => this.removeBegun())) continue;
      await condition(() => this.accepting > 0, refusedRetryMs, { summary: 'remove again what was begun' });
    }
    await condition(allHandlersFinished);
    return this.state.specification !== undefined;
  }

  /** A first document that was refused half-way leaves nothing behind: jobs would wait there for ever. */
  private async removeBegun(): Promise<boolean> {
    if (!this.begun || this.state.specification) return true;
    try {
      await removeAgentPool(this.input, this.begun);
      this.begun = undefined;
      return true;
    } catch (error) {
      log.error('a half-made agent pool stays', { pool: this.input.pool, code: failureDetails(error).code });
      return false;
    }
  }

  /** Waits for something to happen, then plans and acts. */
  async turn(): Promise<void> {
    const { limits } = this.input;
    const wakeAt = Math.min(this.reconcileAt, this.nextPlanAt ?? Infinity, this.verbs.deadline());
    const wait = Math.max(1, wakeAt - Date.now());
    if (this.events === this.planned && wakeAt > Date.now()) {
      await condition(() => this.events !== this.planned || this.shouldContinueAsNew(), wait, {
        summary: wakeAt === this.reconcileAt ? 'reconcile the roster' : 'plan again',
      });
    }
    if (Date.now() >= this.reconcileAt) {
      await this.reconcile();
      this.reconcileAt = Date.now() + limits.pool.reconcileMs;
    }
    await this.verbs.atDeadline();
    await this.planAndAct();
    await this.verbs.releaseKept(this.lastPlan?.plan);
    if (this.state.status === 'Deleting' && this.state.roster.length === 0) await this.remove();
    describePool(this.state, this.lastPlan?.plan, limits.agent.leaseMs);
  }

  shouldContinueAsNew(): boolean {
    if (this.accepting > 0) return false;
    return workflowInfo().continueAsNewSuggested || this.signals >= this.input.limits.pool.signalsPerRun;
  }

  private async planAndAct(): Promise<void> {
    const { specification } = this.state;
    if (!specification) return;
    this.planned = this.events;
    const now = Date.now();
    const { overdueMs } = this.input.limits.pool;
    const plan = planCapacity(planningInput(this.state, specification, now, overdueMs));
    this.lastPlan = { at: now, plan };
    // Time stands still within a turn: a plan that asks to be made again at once would never let the turn end.
    const next = Math.min(plan.nextAt ?? Infinity, nextOverdueAt(this.state, now, overdueMs));
    this.nextPlanAt = Number.isFinite(next) ? Math.max(next, now + 1_000) : undefined;
    await Promise.all(this.limited(plan.commands).map((command) => this.act(command)));
  }

  /** A burst is spread over several turns, so that no turn writes thousands of events; the rest is planned again. */
  private limited(commands: Command[]): Command[] {
    let room = this.input.limits.pool.createsPerTurn;
    const chosen: Command[] = [];
    for (const command of commands) {
      if (command.kind !== 'create') {
        chosen.push(command);
        continue;
      }
      const count = Math.min(room, command.count);
      if (count < command.count) this.events++;
      room -= count;
      if (count > 0) chosen.push({ ...command, count });
    }
    return chosen;
  }

  private async act(command: Command): Promise<void> {
    if (command.kind === 'retire') return await this.retire(command.agent, command.reason.message);
    if (command.kind !== 'create') {
      if (!(await parkOrWake(this.input.pool, this.state, command, Date.now()))) this.events++;
      return;
    }
    const starts = Array.from({ length: command.count }, () =>
      this.create(command.image, command.reason.message, command.reason.code === 'Demand'),
    );
    await Promise.all(starts);
  }

  private async create(image: string, reason: string, forDemand: boolean): Promise<void> {
    const { specification, agentPoolId } = this.state;
    if (!specification || agentPoolId === undefined) return;
    const now = Date.now();
    const place = takePlace(this.state, image, now);
    if (!place) return;
    const name = agentName(this.state.generation, this.state.counter++);
    const isFirst = specification.images[0]?.name === image;
    const seenAt = forDemand ? (demandSeenAt(this.state, image, isFirst) ?? this.state.observedAt) : undefined;
    this.state.roster.push({ n: name, i: image, p: 'creating', s: now, ...lifeOf(specification, now) });
    this.state.totals.requested += 1;
    const agentInput: AgentInput = {
      identity: {
        installation: this.input.installation,
        pool: this.input.pool,
        agent: name,
        organizationUrl: specification.organization.url,
        agentPoolId,
      },
      specification,
      image,
      limits: this.input.limits.agent,
      ...(seenAt === undefined ? {} : { seenAt }),
      decidedAt: now,
      reason,
      ...place,
    };
    await startAgent(agentInput);
  }

  private async retire(name: string, reason: string): Promise<void> {
    const entry = this.state.roster.find(({ n }) => n === name);
    if (!entry) return;
    entry.p = 'returning';
    entry.s = Date.now();
    entry.d = 1;
    if (!(await retireAgent(this.input.pool, name, reason))) {
      this.state.roster = this.state.roster.filter(({ n }) => n !== name);
      this.events++;
    }
  }

  /** Corrects the roster by visibility, and makes sure that the pool is observed, whoever ended its observer. */
  private async reconcile(): Promise<void> {
    const { specification, agentPoolId } = this.state;
    if (specification && agentPoolId !== undefined && this.state.status !== 'Deleting') {
      await engine.watchPool.executeWithOptions(
        {
          summary: `observe the pool in ${specification.organization.name}`,
          priority: { priorityKey: priorities.reconcile },
        },
        [watched(this.input, specification, agentPoolId)],
      );
    }
    const open = await engine.listOpenAgents.executeWithOptions(
      { summary: 'reconcile the roster', priority: { priorityKey: priorities.reconcile } },
      [{ pool: this.input.pool }],
    );
    const { strays, ...suspects } = reconcileRoster(this.state, open, this.suspects);
    this.suspects = suspects;
    for (const name of strays) {
      log.warn('an agent that the pool does not know returns', { agent: name });
      await retireAgent(this.input.pool, name, 'the pool does not know it');
    }
    this.events++;
  }

  private validate(update: { document: unknown } | undefined): void {
    if (typeof update?.document !== 'object' || update.document === null) {
      throw ownFailure('InvalidPool', 'The update takes { "document": { ... } }, a pool document.');
    }
    this.refuseWhenClosing();
  }

  private refuseWhenClosing(): void {
    if (this.state.status !== 'Deleting' && this.state.status !== 'Deleted') return;
    throw ownFailure('PoolIsBeingDeleted', `The pool ${this.input.pool} is being deleted.`);
  }

  private async apply(document: unknown): Promise<ApplyResult> {
    const id = currentUpdateInfo()?.id;
    this.accepting++;
    this.attempts++;
    try {
      return await this.inTurn(() => this.accept(id, document));
    } finally {
      this.accepting--;
    }
  }

  /** One document at a time, in the order in which they came; a refused one does not stop the next. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.applying.then(work);
    this.applying = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  private async accept(id: string | undefined, document: unknown): Promise<ApplyResult> {
    this.refuseWhenClosing();
    const done = id !== undefined && this.state.recentUpdateIds.includes(id);
    if (!done) {
      await acceptDocument(this.input, this.state, document, (specification) => {
        if (!this.state.specification) this.begun = specification;
      });
      this.begun = undefined;
      if (id !== undefined) rememberUpdate(this.state, id);
      this.events++;
    }
    return {
      specificationVersion: this.state.specificationVersion,
      status: this.state.status,
      agentPoolId: this.state.agentPoolId ?? 0,
    };
  }

  delete(): { status: PoolState['status'] } {
    this.state.status = 'Deleting';
    delete this.state.drain;
    this.events++;
    return { status: this.state.status };
  }

  /** Whatever Azure DevOps refuses is tried again: a pool that gave up here would leave its agent pool behind. */
  private async remove(): Promise<void> {
    const { specification } = this.state;
    while (specification) {
      try {
        await removeAgentPool(this.input, specification);
        break;
      } catch (error) {
        const failure = failureDetails(error);
        log.error('agent pool could not be removed', { pool: this.input.pool, code: failure.code });
        setCurrentDetails(`The agent pool could not be removed: ${failure.message} ${failure.hint} Tried again soon.`);
        await sleep(refusedRetryMs, { summary: `remove the agent pool again after ${failure.code}` });
      }
    }
    this.state.status = 'Deleted';
    this.gone = true;
  }
}
