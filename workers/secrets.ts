import { readFileSync } from 'node:fs';
import { ownFailure } from '../activities/errors.ts';
import type { SecretReference } from '../domain/installation.ts';

/**
 * Reads a secret where it is needed and when it is needed, so that a rotated one is taken up without a restart. The
 * value goes into a client and nowhere else.
 *
 * @throws ApplicationFailure `SecretNotFound` that names the reference, never the value
 */
export function readSecret(reference: SecretReference): string {
  const value = 'environment' in reference ? process.env[reference.environment] : contentOf(reference.file);
  if (value) return value;
  const place = 'environment' in reference ? `environment variable ${reference.environment}` : `file ${reference.file}`;
  const message = `The installation document says that a secret is in the ${place}, but there is none.`;
  throw ownFailure('SecretNotFound', message);
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
