import { readFileSync } from 'node:fs';
import type { SecretReference } from '../domain/installation.ts';

/**
 * Reads a secret where it is needed and when it is needed, so that a rotated one is taken up without a restart. The
 * value goes into a client and nowhere else.
 *
 * @throws Error that names the reference, never the value
 */
export function readSecret(reference: SecretReference): string {
  if ('environment' in reference) {
    const value = process.env[reference.environment];
    if (!value) throw new Error(`The environment variable ${reference.environment}, which holds a secret, is not set.`);
    return value;
  }
  return readFileSync(reference.file, 'utf8').trim();
}
