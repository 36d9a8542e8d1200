import type {
  Account,
  Disturbance,
  PoolAccount,
  SurfacedError,
  WorkflowLife,
} from '../../domain/invariants/account.ts';
import { organizationName } from '../../domain/names.ts';
import { declaredIn, toldBy } from '../support/account/declared.ts';
import { accountFromLedger } from '../support/account/from-ledger.ts';
import { workflowLives, type RunHistory } from '../support/account/histories.ts';
import { wholeLedger } from '../support/account/of-stack.ts';
import { surfacedErrors } from '../support/account/surfaced.ts';
import type { Arena } from './arena.ts';
import type { Operators } from './operators.ts';
import type { ChaosSchedule } from './schedule.ts';

/** What only those know who took part. */
export interface Witnesses {
  schedules: readonly ChaosSchedule[];
  operators: Operators;
  /** Builds that developers cancelled. */
  cancelled: readonly { at: number; buildId: number }[];
  /** Since when nothing is disturbed any more. */
  quietFrom: number;
}

/** Codes of what stood between an operator and the system; they are of the client, and end with the disturbance. */
const ofTheWay: ReadonlySet<string> = new Set(['Interrupted', 'EngineUnreachable', 'NoWorker', 'NotFound']);

/** The account of a batch as it stands now: the cloud's own, the engine's, and that of whoever disturbed it. */
export async function accountOf(
  arena: Arena,
  witnesses: Witnesses,
  histories: readonly RunHistory[],
): Promise<Account> {
  const { stack, startedAt } = arena;
  const until = Date.now();
  const workflows = workflowLives(histories);
  const pools = await poolAccounts(arena, witnesses);
  return accountFromLedger(await wholeLedger(stack), {
    installation: stack.installation.name,
    organization: organizationName(stack.cloud.organizationUrl),
    from: startedAt,
    until,
    quietFrom: witnesses.quietFrom,
    workflows,
    pools,
    disturbances: disturbances(arena, witnesses),
    errors: errorsTold(witnesses.operators, pools, workflows, until),
  });
}

/** Agents die by a fault of the cloud, at moments that only it knows, and in any pool of the batch. */
function disturbances({ startedAt }: Arena, { schedules, cancelled }: Witnesses): Disturbance[] {
  const dying = schedules.flatMap(({ faults }) => faults.filter(({ fault }) => fault.effect.kind === 'agentDies'));
  return [
    ...dying.map(({ from }) => ({ at: startedAt + from, kind: 'agentDied', subject: 'any' })),
    ...cancelled.map(({ at, buildId }) => ({ at, kind: 'buildCancelled', subject: String(buildId) })),
  ];
}

async function poolAccounts({ odp }: Arena, { schedules, operators }: Witnesses): Promise<PoolAccount[]> {
  const open = new Set((await odp.pools.list()).map(({ name }) => name));
  return await Promise.all(
    schedules.map(async ({ pool: name }): Promise<PoolAccount> => {
      const accepted = operators.accepted.filter(({ pool }) => pool === name);
      const deletion = operators.deleted.findLast(({ pool }) => pool === name);
      const isDeleted = deletion !== undefined && deletion.at > (accepted.at(-1)?.at ?? 0);
      const account: PoolAccount = {
        name,
        // The pool knows its document at some moment between the question and the answer.
        declared: accepted.map(({ sentAt, document }) => ({ at: sentAt, ...declaredIn(document) })),
        ...(isDeleted ? { deletedAt: deletion.sentAt } : {}),
      };
      if (!open.has(name) || isDeleted) return account;
      return { ...account, ...toldBy(await odp.pools.show(name)) };
    }),
  );
}

/** Errors where people see them: in answers to operators, in what holds a pool back, in how agents and audits ended. */
function errorsTold(
  operators: Operators,
  pools: readonly PoolAccount[],
  workflows: readonly WorkflowLife[],
  at: number,
): SurfacedError[] {
  return [...operators.told.filter(({ code }) => !ofTheWay.has(code)), ...surfacedErrors(pools, workflows, at)];
}
