import type { Account, Disturbance, PoolAccount } from '../../../domain/invariants/account.ts';
import { organizationName } from '../../../domain/names.ts';
import type { LedgerEntry } from '../../../emulator/core/context.ts';
import type { Stack } from '../stack.ts';
import { declaredIn, toldBy } from './declared.ts';
import { accountFromLedger, type LedgerOf } from './from-ledger.ts';
import { fetchHistories, timeOf, read, workflowLives, type RunHistory } from './histories.ts';
import { surfacedErrors } from './surfaced.ts';

/** What neither the cloud nor the engine knows. */
export interface StackFacts {
  /** Since when nothing is disturbed any more; without it, nothing is expected to have converged. */
  quietFrom?: number;
  disturbances?: Disturbance[];
}

/** The account of a stack as it stands now: the cloud's ledger, and every history that the engine has. */
export async function accountOfStack(
  stack: Stack,
  { quietFrom, disturbances = [] }: StackFacts = {},
): Promise<Account> {
  const odp = await stack.client();
  const histories = await fetchHistories(odp);
  const workflows = workflowLives(histories);
  const open = new Set((await odp.pools.list()).map(({ name }) => name));
  const pools = await Promise.all(
    poolsIn(histories).map(async (pool): Promise<PoolAccount> => {
      if (!open.has(pool.name)) return pool;
      return { ...pool, ...toldBy(await odp.pools.show(pool.name)) };
    }),
  );
  const until = Date.now();
  return accountFromLedger(await wholeLedger(stack), {
    installation: stack.installation.name,
    organization: organizationName(stack.cloud.organizationUrl),
    from: Math.min(until, ...histories.map(({ startedAt }) => startedAt)),
    until,
    ...(quietFrom === undefined ? {} : { quietFrom }),
    workflows,
    pools,
    disturbances,
    errors: surfacedErrors(pools, workflows, until),
  });
}

/** The ledger of a stack's cloud, all kinds as of about the same moment. */
export async function wholeLedger(stack: Stack): Promise<LedgerOf> {
  const kinds = ['call', 'machine', 'resource', 'registration', 'job'] as const;
  const entries = new Map<LedgerEntry['kind'], LedgerEntry[]>();
  for (const kind of kinds) entries.set(kind, await stack.ledger(kind));
  return <K extends LedgerEntry['kind']>(kind: K) => (entries.get(kind) ?? []) as Extract<LedgerEntry, { kind: K }>[];
}

/** The pools, with the documents that they accepted and their deletion, by the updates in their histories. */
export function poolsIn(histories: readonly RunHistory[]): PoolAccount[] {
  const runs = histories.filter(({ type }) => type === 'pool').toSorted((a, b) => a.startedAt - b.startedAt);
  return [...Map.groupBy(runs, ({ workflowId }) => workflowId)].map(([id, own]) => {
    const pool: PoolAccount = { name: id.slice('pool/'.length), declared: [] };
    for (const { name, argument, at } of own.flatMap(updatesIn)) {
      if (name === 'delete') pool.deletedAt = at;
      if (name !== 'apply') continue;
      delete pool.deletedAt;
      pool.declared.push({ at, ...declaredIn((argument as { document: unknown }).document) });
    }
    return pool;
  });
}

/** The updates that ended well, at the moment of their answer. */
function updatesIn({ history }: RunHistory): { name: string; argument: unknown; at: number }[] {
  const asked = new Map<string, { name: string; argument: unknown }>();
  return (history.events ?? []).flatMap((event) => {
    const { workflowExecutionUpdateAcceptedEventAttributes: accepted } = event;
    const { input, meta } = accepted?.acceptedRequest ?? {};
    if (input && meta?.updateId) {
      asked.set(meta.updateId, { name: input.name ?? '', argument: read(input.args?.payloads?.[0]?.data) });
    }
    const done = event.workflowExecutionUpdateCompletedEventAttributes;
    const update = done?.outcome?.success ? asked.get(done.meta?.updateId ?? '') : undefined;
    return update ? [{ ...update, at: timeOf(event) }] : [];
  });
}
