import type {
  Account,
  Disturbance,
  JobLife,
  PoolAccount,
  RegistrationLife,
  ResourceLife,
  SurfacedError,
  WorkflowLife,
} from '../../../domain/invariants/account.ts';
import { tagNames, workflowIds } from '../../../domain/names.ts';
import type { LedgerEntry } from '../../../emulator/core/context.ts';

/** The embedded cloud's own account, read whole. */
export interface LedgerOf {
  <K extends LedgerEntry['kind']>(kind: K): Extract<LedgerEntry, { kind: K }>[];
}

/** What else is known of a run: the engine's side, and what was done to it from outside. */
export interface RunFacts {
  installation: string;
  organization: string;
  from: number;
  until: number;
  quietFrom?: number;
  workflows: WorkflowLife[];
  pools: PoolAccount[];
  disturbances: Disturbance[];
  errors: SurfacedError[];
}

/** Builds the account of a run. What the product says of itself is only in `workflows`, `pools` and `errors`. */
export function accountFromLedger(ledger: LedgerOf, facts: RunFacts): Account {
  const { installation, from, until, quietFrom, workflows, pools, disturbances, errors } = facts;
  const poolOf = poolNames(ledger);
  return {
    installation,
    from,
    until,
    ...(quietFrom === undefined ? {} : { quietFrom }),
    resources: resources(ledger, facts),
    foreign: foreign(ledger, facts),
    registrations: registrations(ledger, facts, poolOf),
    jobs: jobs(ledger, facts, poolOf),
    workflows,
    pools,
    disturbances,
    errors,
    calls: calls(ledger),
  };
}

/** Names of the pools by the ids of their agent pools, by the placeholders that each has or had. */
function poolNames(ledger: LedgerOf): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const { poolId, name } of ledger('registration')) {
    const [pool, placeholder] = name.split('-placeholder-');
    if (pool !== undefined && placeholder !== undefined) names.set(poolId, pool);
  }
  return names;
}

const kinds: Record<string, ResourceLife['kind']> = {
  'microsoft.compute/virtualmachines': 'machine',
  'microsoft.compute/disks': 'disk',
  'microsoft.network/networkinterfaces': 'networkInterface',
  'microsoft.network/publicipaddresses': 'publicIpAddress',
};

function resources(ledger: LedgerOf, { installation }: RunFacts): ResourceLife[] {
  const lives: ResourceLife[] = [];
  /** Those that exist at the entry that is being read. */
  const current = new Map<string, ResourceLife>();
  for (const { id, type, event, at, tags } of ledger('resource')) {
    const key = id.toLowerCase();
    if (event === 'deleted') {
      const life = current.get(key);
      if (life) life.until = at;
      current.delete(key);
      continue;
    }
    const kind = kinds[type.toLowerCase()];
    if (kind === undefined || tags[tagNames.installation] !== installation) continue;
    const life: ResourceLife = {
      id,
      kind,
      owner: tags[tagNames.agent] ?? '',
      pool: tags[tagNames.pool] ?? '',
      from: at,
    };
    if (kind === 'machine') life.cleanAt = [at];
    lives.push(life);
    current.set(key, life);
  }
  const machines = Map.groupBy(
    lives.filter(({ kind }) => kind === 'machine'),
    ({ id }) => id.toLowerCase(),
  );
  for (const { id, event, at } of ledger('machine')) {
    const life = machines.get(id.toLowerCase())?.findLast(({ from }) => from <= at);
    if (!life) continue;
    if (event === 'reimaged') life.cleanAt?.push(at);
    if (event === 'deleteAccepted') life.deleteAskedAt ??= at;
    if (event === 'evicted') life.takenAway = true;
    if (event === 'deallocateAccepted') (life.parked ??= []).push({ askedAt: at });
    const span = life.parked?.at(-1);
    if (event === 'deallocated' && span) span.from ??= at;
    if (event === 'startAccepted' && span) span.until ??= at;
  }
  return lives;
}

/** Everything that was made without the installation's tag, the embedded cloud's own network too. */
function foreign(ledger: LedgerOf, { installation }: RunFacts): NonNullable<Account['foreign']> {
  const lives = new Map<string, { id: string; from: number; until?: number }>();
  for (const { id, event, at, tags } of ledger('resource')) {
    const key = id.toLowerCase();
    const life = lives.get(key);
    if (event === 'deleted') {
      if (life) life.until ??= at;
    } else if (!life && tags[tagNames.installation] !== installation) {
      lives.set(key, { id, from: at });
    }
  }
  return [...lives.values()];
}

function registrations(ledger: LedgerOf, facts: RunFacts, poolOf: ReadonlyMap<number, string>): RegistrationLife[] {
  const lives: RegistrationLife[] = [];
  const current = new Map<string, RegistrationLife>();
  for (const { poolId, agentId, name, event, at } of ledger('registration')) {
    if (name.includes('-placeholder-')) continue;
    const key = `${poolId}/${agentId}`;
    const life = current.get(key);
    if (event === 'removed') {
      if (life) life.until = at;
      current.delete(key);
    } else if (!life) {
      const pool = poolOf.get(poolId) ?? '';
      const { organization } = facts;
      const owner = workflowIds.agent(pool, name);
      const begun = { organization, agentPoolId: poolId, agentId, name, pool, owner, from: at };
      lives.push(begun);
      current.set(key, begun);
    }
  }
  return lives;
}

function jobs(ledger: LedgerOf, facts: RunFacts, poolOf: ReadonlyMap<number, string>): JobLife[] {
  const lives = new Map<number, JobLife>();
  for (const { requestId, poolId, event, at, agentName = '', machineId = '', result = '' } of ledger('job')) {
    let life = lives.get(requestId);
    if (!life) {
      const pool = poolOf.get(poolId) ?? '';
      const { organization } = facts;
      life = { organization, requestId, pool, queuedAt: at, assignments: [], receipts: [], finishes: [] };
      lives.set(requestId, life);
    }
    if (event === 'refused') life.refusedAt = at;
    if (event === 'assigned') life.assignments.push({ agent: agentName, at });
    if (event === 'received') life.receipts.push({ agent: agentName, machineId, at });
    if (event === 'finished') life.finishes.push({ at, result });
  }
  return [...lives.values()];
}

function calls(ledger: LedgerOf): NonNullable<Account['calls']> {
  const byOperation: Record<string, number> = {};
  const creates: number[] = [];
  for (const { caller, operation, at } of ledger('call')) {
    if (caller !== 'controller') continue;
    byOperation[operation] = (byOperation[operation] ?? 0) + 1;
    if (operation === 'VirtualMachines_CreateOrUpdate') creates.push(at);
  }
  let most = 0;
  for (let first = 0, last = 0; last < creates.length; last += 1) {
    while (creates[last]! - creates[first]! >= 1_000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return { byOperation, mostCreatesInOneSecond: most };
}
