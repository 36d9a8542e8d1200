import { plainData } from '../validation/plain-data.ts';
import { valueAt } from '../validation/path.ts';
import { shownValue, violationsOfZod } from '../validation/zod-violations.ts';
import type { Violation } from '../violation.ts';
import { crossFieldViolations } from './rules.ts';
import { poolDocumentSchema, poolResourceType, type PoolDocument } from './schema.ts';
import { explainUnknown, versionViolations } from './versions.ts';

/** Maps of free names, where a `null` is a mistake and not an absent property. */
const mapsOfFreeNames = new Set(['tags', 'daysData', 'userAssignedIdentities']);

/**
 * Reads a pool document against the resource model: every property, every limit, and the rules between them. Answers
 * all violations at once. Says nothing about what this installation or this version can do; `specify` does.
 */
export function parsePoolDocument(input: unknown): { document: PoolDocument } | { violations: Violation[] } {
  const { value, violations: hostile } = plainData(input, mapsOfFreeNames);
  if (hostile.length > 0) return { violations: hostile };
  const foreign = resourceTypeViolation(value);
  if (foreign) return { violations: [foreign] };

  const parsed = poolDocumentSchema.safeParse(value);
  const violations = [
    ...(parsed.success ? [] : violationsOfZod(poolDocumentSchema, parsed.error, value, { explainUnknown, hideValue })),
    ...versionViolations(value),
    ...crossFieldViolations(value),
  ];
  return parsed.success && violations.length === 0 ? { document: parsed.data } : { violations };
}

/** A document of another kind gets one clear answer instead of a hundred about properties that it never had. */
function resourceTypeViolation(document: unknown): Violation | undefined {
  const type = valueAt(document, 'type');
  if (typeof type === 'string' && type.toLowerCase() !== poolResourceType.toLowerCase()) {
    const message = `It is a document of another type. A pool document has type ${poolResourceType}, or none.`;
    return { path: 'type', rule: 'WrongResourceType', message, value: shownValue(type) };
  }
  if (Array.isArray(valueAt(document, 'resources'))) {
    const message = `It is a deployment template. Give the one resource of type ${poolResourceType} alone.`;
    return { path: 'resources', rule: 'WrongResourceType', message };
  }
  const kind = valueAt(document, 'kind');
  if (typeof kind === 'string' && valueAt(document, 'properties') === undefined) {
    const message = `It is a document of another kind. A pool document has type ${poolResourceType}, and properties.`;
    return { path: 'kind', rule: 'WrongResourceType', message, value: shownValue(kind) };
  }
  return undefined;
}

/** A URL may carry a password before its host. */
function hideValue(path: string): boolean {
  return /(?:\.url|\.observedCertificates\[\d+\])$/.test(path);
}
