import { ApplicationFailure } from '@temporalio/common';
import type { FailureDetails } from '../domain/failure.ts';
import type { Installation } from '../domain/installation.ts';
import { parsePoolDocument } from '../domain/pool-document/parse.ts';
import { specify } from '../domain/pool-document/specify.ts';
import type { PoolSpecification } from '../domain/pool-specification.ts';
import { armError, type ArmError, type Violation } from '../domain/violation.ts';
import type { InstallationActivities } from './interfaces.ts';

/** The activities that need nothing but the installation document; they are quick and pure, and make no call. */
export function createInstallationActivities(installation: Installation): InstallationActivities {
  return {
    resolvePool: ({ pool, document }) => {
      const resolved = resolve(pool, document, installation);
      return 'violations' in resolved
        ? Promise.reject(invalidPool(pool, resolved.violations))
        : Promise.resolve(resolved.specification);
    },
  };
}

function resolve(
  pool: string,
  input: unknown,
  installation: Installation,
): { specification: PoolSpecification } | { violations: Violation[] } {
  const parsed = parsePoolDocument(input);
  if ('violations' in parsed) return parsed;
  // The document names the pool; the workflow that it was sent to bears the name too.
  if (parsed.document.name.toLowerCase() !== pool.toLowerCase()) {
    const message = `It must be '${pool}', the pool that the document was sent to.`;
    return { violations: [{ path: 'name', rule: 'NotAllowedValue', message, value: parsed.document.name }] };
  }
  return specify(parsed.document, installation);
}

/** Never retried: the same document would be refused again. */
function invalidPool(pool: string, violations: readonly Violation[]): ApplicationFailure {
  const body = armError(violations, { target: pool });
  const { code, message } = body.error;
  const details: FailureDetails & ArmError = {
    code,
    class: 'configuration',
    message,
    hint: 'Correct the document and apply it again.',
    call: '',
    retryAfterMs: 0,
    ...body,
  };
  return ApplicationFailure.create({ message, type: code, nonRetryable: true, details: [details] });
}
