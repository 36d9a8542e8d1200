import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { searchAttributeNames } from '../../domain/names.ts';

type Name = (typeof searchAttributeNames)[number];

/** The typed key of one of our search attributes; all are keywords. */
export function key(name: Name) {
  return defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);
}

/** The value of a search attribute, or undefined where the workflow has not set it. */
export function attribute(info: WorkflowExecutionInfo, name: Name): string | undefined {
  return info.typedSearchAttributes.get(key(name));
}

/** A visibility query from equalities; undefined values are left out. Values come from people, so they are quoted. */
export function where(equalities: Record<string, string | undefined>): string {
  return Object.entries(equalities)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`)
    .join(' AND ');
}

/** All workflows that a query finds, newest first, at most `limit`. */
export async function listWorkflows(client: Client, query: string, limit = 10_000): Promise<WorkflowExecutionInfo[]> {
  const found: WorkflowExecutionInfo[] = [];
  for await (const info of client.workflow.list({ query, pageSize: Math.min(limit, 1_000) })) {
    found.push(info);
    if (found.length >= limit) break;
  }
  return found;
}
