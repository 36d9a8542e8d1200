import { hintOf } from '../../../domain/error-catalogue.ts';
import type { PoolAccount, SurfacedError, WorkflowLife } from '../../../domain/invariants/account.ts';

/** Errors where people see them beside the answers that they get: in what holds a pool back, in how agents and audits ended. */
export function surfacedErrors(
  pools: readonly PoolAccount[],
  workflows: readonly WorkflowLife[],
  at: number,
): SurfacedError[] {
  const told = (code: string, where: string) => ({ at, code, where, message: '', hint: hintOf(code) ?? '' });
  return [
    ...pools.flatMap(({ name, holds = [] }) => holds.map(({ code }) => told(code, `pool/${name}`))),
    ...workflows.flatMap(({ id, type, result }) => {
      const { failure, problems = [] } = (result ?? {}) as {
        failure?: { code: string };
        problems?: { code: string }[];
      };
      const codes = type === 'agent' ? (failure ? [failure.code] : []) : problems.map(({ code }) => code);
      return codes.map((code) => told(code, id));
    }),
  ];
}
