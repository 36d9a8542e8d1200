import type { Installation } from '../domain/installation.ts';
import { parsePoolDocument } from '../domain/pool-document/parse.ts';
import { specify } from '../domain/pool-document/specify.ts';
import type { PoolSpecification } from '../domain/pool-specification.ts';
import type { Violation } from '../domain/violation.ts';
import { invalidPool } from './errors.ts';
import type { InstallationActivities } from './interfaces.ts';

/** The activities that need nothing but the installation document; they are quick and pure, and make no call. */
export function createInstallationActivities(installation: Installation): InstallationActivities {
  return {
    resolvePool: ({ pool, document }) => {
      const resolved = resolve(pool, document, installation);
      return 'violations' in resolved
        ? Promise.reject(invalidPool(resolved.violations, pool))
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
