import type { Connection } from '@temporalio/client';
import { searchAttributeNames } from '../../domain/names.ts';

/** `temporal.api.enums.v1.IndexedValueType`: the number of the type Keyword on the wire. */
const keyword = 2;

/**
 * Adds the search attributes that the namespace does not have yet, all of type Keyword. Safe to repeat.
 *
 * @throws when one exists with another type: the engine cannot change it, a namespace of its own is the way out
 */
export async function ensureSearchAttributes(
  connection: Connection,
  namespace: string,
  names: readonly string[] = searchAttributeNames,
): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const other = names.filter((name) => customAttributes[name] !== undefined && customAttributes[name] !== keyword);
  if (other.length > 0) {
    throw new Error(
      `search attributes of namespace ${namespace} have another type than Keyword: ${other.join(', ')}; use a namespace of its own`,
    );
  }
  const missing = names.filter((name) => customAttributes[name] === undefined);
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map((name) => [name, keyword])),
  });
}
