import { currentUpdateInfo, setHandler } from '@temporalio/workflow';
import type { AgentKept, PoolInput, PoolState } from '../../domain/messages.ts';
import type { Plan } from '../../domain/planning/types.ts';
import { applyKept, rememberUpdate } from '../../domain/pool-state.ts';
import {
  agentsLeft,
  drainDeadline,
  drainOf,
  drainView,
  drainViolations,
  type DrainAnswer,
  type DrainRequest,
} from '../../domain/verbs/drain.ts';
import {
  purgeOutcomes,
  purgeViolations,
  releaseViolations,
  type PurgeAnswer,
  type PurgeRequest,
} from '../../domain/verbs/purge.ts';
import { keptToRelease } from '../../domain/verbs/retained.ts';
import { armError, type Violation } from '../../domain/violation.ts';
import { ownFailure } from '../failures.ts';
import { agentKept, drain, purge, release, resume } from '../messages.ts';
import { retireAgent } from './agents.ts';

/** Signals that are under way at the same time; the server takes 2,000 of one workflow. */
const signalsAtOnce = 500;

/** What the verbs need of their pool. */
export interface VerbsOf {
  readonly input: PoolInput;
  readonly state: PoolState;
  /** The pool has something new to plan for. */
  changed(): void;
  /** It got a signal. */
  signalled(): void;
}

/**
 * What operators do to a pool that is there: purge, drain, resume, release. Each is an update with a validator that answers every
 * violation at once. One that is sent twice with the same id is done once, also when the pool continued as new between.
 */
export class OperatorVerbs {
  private readonly pool: VerbsOf;

  constructor(pool: VerbsOf) {
    this.pool = pool;
    const { state } = pool;
    setHandler(purge, (request) => this.purge(request), {
      validator: this.refusing('purge', (request: PurgeRequest) => purgeViolations(request, state.roster)),
      description: 'Return agents, after their jobs or, with force, over cancelled jobs.',
    });
    setHandler(drain, (request) => this.drain(request), {
      validator: this.refusing('drain', (request: DrainRequest) => drainViolations(request, Date.now())),
      description: 'Make no new machine, let jobs finish, and say when the last one ends.',
    });
    setHandler(resume, () => this.resume(), {
      validator: this.refusing('resume', () => []),
      description: 'Serve jobs again after a drain.',
    });
    setHandler(release, (request) => this.release(request), {
      validator: this.refusing('release', (request: { agent?: string }) => releaseViolations(request, state.roster)),
      description: 'Return a machine that is kept for inspection.',
    });
    setHandler(agentKept, (kept) => this.kept(kept), {
      description: 'An agent failed, and its machine is kept for inspection.',
    });
  }

  /** Lets go what need not or must not be kept any longer. */
  async releaseKept(plan: Plan | undefined): Promise<void> {
    const releases = keptToRelease(this.pool.state, plan);
    await Promise.all(releases.map(({ agent, reason }) => this.sendOne(agent, reason, false)));
  }

  /** When the deadline of a drain comes; milliseconds since the epoch, `Infinity` when none does. */
  deadline(): number {
    return drainDeadline(this.pool.state);
  }

  /** Does what the drain says for its deadline, once that has come. */
  async atDeadline(): Promise<void> {
    const { state } = this.pool;
    if (Date.now() < this.deadline() || !state.drain) return;
    state.drain.leftAtDeadline = agentsLeft(state);
    this.pool.changed();
    if (state.drain.cancelAtDeadline) await this.send(names(state), 'the deadline of the drain has come', true);
  }

  private async purge(request: PurgeRequest): Promise<PurgeAnswer> {
    const { state } = this.pool;
    if (this.isRepeated()) {
      // What came since is not meant; what went is gone.
      const there = state.roster.filter(({ n, d }) => d && (request.all === true || request.agents?.includes(n)));
      return { agents: purgeOutcomes(request, there) };
    }
    const agents = purgeOutcomes(request, state.roster);
    this.remember();
    await this.send(
      agents.filter(({ outcome }) => outcome !== 'kept').map(({ agent }) => agent),
      request.force ? 'an operator purged it, with force' : 'an operator purged it',
      request.force === true,
    );
    return { agents };
  }

  private drain(request: DrainRequest): DrainAnswer {
    const { state } = this.pool;
    if (!this.isRepeated()) {
      this.remember();
      state.drain = drainOf(request, Date.now(), state.drain);
      state.status = 'Draining';
    }
    return this.standing();
  }

  private resume(): DrainAnswer {
    const { state } = this.pool;
    if (!this.isRepeated()) {
      this.remember();
      delete state.drain;
      if (state.status === 'Draining') state.status = 'Succeeded';
    }
    return this.standing();
  }

  private async release({ agent }: { agent: string }): Promise<{ agent: string }> {
    if (!this.isRepeated()) {
      this.remember();
      await this.send([agent], 'an operator released it', false);
    }
    return { agent };
  }

  private kept(kept: AgentKept): void {
    this.pool.signalled();
    // An agent that the pool does not know returns with the next look at visibility, as any stray.
    if (applyKept(this.pool.state, kept, Date.now())) this.pool.changed();
  }

  private standing(): DrainAnswer {
    const { state, input } = this.pool;
    const view = drainView(state, Date.now(), input.limits.agent.leaseMs);
    return { status: state.status, ...(view === undefined ? {} : { drain: view }) };
  }

  private async send(agents: readonly string[], reason: string, force: boolean): Promise<void> {
    for (let sent = 0; sent < agents.length; sent += signalsAtOnce) {
      const some = agents.slice(sent, sent + signalsAtOnce);
      await Promise.all(some.map((agent) => this.sendOne(agent, reason, force)));
    }
    this.pool.changed();
  }

  private async sendOne(agent: string, reason: string, force: boolean): Promise<void> {
    const { state, input } = this.pool;
    const entry = state.roster.find(({ n }) => n === agent);
    // It may have returned while the ones before it were told.
    if (!entry) return;
    entry.d = 1;
    if (entry.p !== 'busy' && entry.p !== 'returning') {
      entry.p = 'returning';
      entry.s = Date.now();
    }
    if (await retireAgent(input.pool, agent, reason, force)) return;
    state.roster = state.roster.filter(({ n }) => n !== agent);
  }

  /** A validator: refuses in a pool that cannot be served, and with every violation. It changes nothing. */
  private refusing<Request extends object>(verb: string, violationsOf: (request: Request) => Violation[]) {
    return (request?: unknown): void => {
      const { state, input } = this.pool;
      if (state.status === 'Deleting' || state.status === 'Deleted') {
        const message = `The pool ${input.pool} is being deleted: its agents return after their jobs, and then it is gone.`;
        throw ownFailure('PoolIsBeingDeleted', message);
      }
      if (!state.specification) {
        throw ownFailure('PoolNotCreated', `No document of the pool ${input.pool} was accepted yet.`);
      }
      if (this.isRepeated()) return;
      const violations = violationsOf((isObject(request) ? request : {}) as Request);
      if (violations.length === 0) return;
      const { error } = armError(violations, { code: 'InvalidRequest', target: verb });
      throw ownFailure('InvalidRequest', error.message, { error });
    };
  }

  private isRepeated(): boolean {
    const id = currentUpdateInfo()?.id;
    return id !== undefined && this.pool.state.recentUpdateIds.includes(id);
  }

  private remember(): void {
    const id = currentUpdateInfo()?.id;
    if (id !== undefined) rememberUpdate(this.pool.state, id);
    this.pool.changed();
  }
}

function names({ roster }: PoolState): string[] {
  return roster.filter(({ p }) => p !== 'kept').map(({ n }) => n);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
