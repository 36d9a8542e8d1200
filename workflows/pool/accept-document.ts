import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { isSurfacedErrorCode } from '../../domain/error-catalogue.ts';
import type { PoolInput, PoolState } from '../../domain/messages.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';
import type { Rule } from '../../domain/violation.ts';
import { failureDetails, ownFailure } from '../failures.ts';
import { watched } from './watched.ts';
import { azure, devopsForOperators, engine, installation } from '../activity-profiles.ts';

/** ARM's error body, as the details of `InvalidPool` carry it. */
interface ArmError {
  error: { code: string; message: string; target?: string; details?: unknown[] };
}

/**
 * Takes a document over, or refuses it as a whole with every violation. The order matters: first everything is checked,
 * in the document, in Azure and in Azure DevOps; only then the first thing is made; and only when all is made does the
 * state change, so that a refused document leaves what was running as it was.
 *
 * @param begins told just before the first thing is made in Azure DevOps
 */
export async function acceptDocument(
  input: PoolInput,
  state: PoolState,
  document: unknown,
  begins: (specification: PoolSpecification) => void,
): Promise<void> {
  const specification = await withApplicationFailure(() =>
    installation.resolvePool.executeWithOptions({ summary: 'read the document' }, [{ pool: input.pool, document }]),
  );
  refuseMovedOrganization(state.specification, specification);

  const check = { installation: input.installation, specification };
  await allOrEveryViolation([
    azure.checkMachine.executeWithOptions({ summary: 'check image, size and subnet in Azure' }, [check]),
    devopsForOperators.checkOrganization.executeWithOptions({ summary: 'check the organisation' }, [check]),
  ]);

  begins(specification);
  const { agentPoolId } = await withApplicationFailure(() =>
    devopsForOperators.prepareAgentPool.executeWithOptions(
      { summary: 'make the agent pool, its queues and placeholders' },
      [check],
    ),
  );
  const summary = `observe the pool in ${specification.organization.name}`;
  await withApplicationFailure(() =>
    engine.watchPool.executeWithOptions({ summary }, [watched(input, specification, agentPoolId)]),
  );

  state.document = document;
  state.specification = specification;
  state.agentPoolId = agentPoolId;
  state.specificationVersion += 1;
  if (state.status === 'Provisioning') state.status = 'Succeeded';
}

/** An agent pool cannot follow its jobs to another organisation or name; a new pool can. */
function refuseMovedOrganization(before: PoolSpecification | undefined, after: PoolSpecification): void {
  if (!before) return;
  const violations = [
    ...(before.organization.url === after.organization.url
      ? []
      : [changed('properties.organizationProfile.organizations[0].url', before.organization.url)]),
    ...(before.organization.agentPoolName === after.organization.agentPoolName
      ? []
      : [changed('properties.organizationProfile.alias', before.organization.agentPoolName)]),
  ];
  if (violations.length > 0) throw invalidPool(violations);
}

function changed(target: string, was: string) {
  return {
    code: 'PropertyChangeNotAllowed' satisfies Rule,
    target,
    message: `It was "${was}" and cannot change while the pool lives. Keep it, or delete the pool and create another.`,
  };
}

function invalidPool(details: { code: string; message: string; target?: string }[]): ApplicationFailure {
  const message = `The pool document was refused: ${details.length} violation(s).`;
  const body: ArmError = { error: { code: 'InvalidPool', message, details } };
  return ownFailure('InvalidPool', message, body);
}

/** Waits for all checks and refuses with the violations of all of them. */
async function allOrEveryViolation(checks: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(checks);
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [applicationFailure(result.reason)] : [],
  );
  if (failures.length === 0) return;
  const other = failures.find(({ type }) => type !== 'InvalidPool');
  if (other) throw other;
  throw invalidPool(failures.flatMap(violationsOf));
}

function violationsOf(failure: ApplicationFailure): { code: string; message: string; target?: string }[] {
  const body = failure.details?.[0] as Partial<ArmError> | undefined;
  const details = body?.error?.details as { code: string; message: string; target?: string }[] | undefined;
  return details ?? [{ code: failure.type ?? 'InvalidPool', message: failure.message }];
}

/** In a handler only an `ApplicationFailure` fails the update; anything else would fail the workflow's task for ever. */
async function withApplicationFailure<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw applicationFailure(error);
  }
}

function applicationFailure(error: unknown): ApplicationFailure {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && isSurfacedErrorCode(cause.type)) return cause;
  const { message } = failureDetails(error);
  // A time-out or a cancellation; everything else that an activity throws is an `ApplicationFailure`, if need be of the SDK.
  const code = cause instanceof ApplicationFailure ? 'Unexpected' : 'ApplyFailed';
  return ownFailure(code, `The pool could not be applied: ${message}`);
}
