import type { CloudContext } from '../core/context.ts';
import type { Jobs } from './jobs.ts';
import type { Organization } from './organization.ts';
import type { Presence } from './presence.ts';
import type { Identity } from './tokens.ts';
import { Refusal } from './errors.ts';
import { toInteger, type Input } from './input.ts';

/** One running organisation. */
export interface Service {
  context: CloudContext;
  organization: Organization;
  jobs: Jobs;
  presence: Presence;
  /** Most jobs that run at once; `Infinity`: no limit. */
  parallelism: number;
}

/** One call, as an operation sees it. */
export interface Call extends Service {
  identity: Identity;
  /** The parts of the path, in lower case. */
  parameters: Readonly<Record<string, string | undefined>>;
  /** By name in lower case: Azure DevOps does not tell `$Top` from `$top`. */
  query: ReadonlyMap<string, string>;
  /** The body as JSON; an empty object when there is none. */
  body: unknown;
  /** The body as it came. */
  text: string;
  /** Set by a fault: a list answers as of this instant. */
  asOf: number | undefined;
  /** Address of the organisation as the caller wrote it, without a trailing slash. */
  baseUrl: string;
  accept: string;
  /** The emulated machine that calls. */
  machineId: string | undefined;
  signal: AbortSignal;
}

/** What an operation answers; without `status` 200, without `json` and `text` nothing. */
export interface Answer {
  status?: number;
  json?: unknown;
  text?: string;
  headers?: Record<string, string>;
}

/** One operation of the API. */
export interface Operation {
  /** As the ledger and faults name it. */
  name: string;
  method: string;
  /** Below the organisation, in lower case. */
  paths: string[];
  /** Agents and jobs may call it, not only controllers. */
  forAgents?: boolean;
  /** Nobody needs to be known to call it. */
  anonymous?: boolean;
  run(call: Call): Answer | Promise<Answer>;
}

/** A collection on the wire. */
export function collection(value: unknown[]): Answer {
  return { json: { count: value.length, value } };
}

/** The pool that the path names. */
export function poolOf(call: Call) {
  return call.organization.pool(call.parameters['pool']);
}

/** The agent that the path names, in the pool that it names. */
export function agentOf(call: Call) {
  return call.organization.agent(poolOf(call).id, call.parameters['agent']);
}

/** A flag of the query. */
export function flag(call: Call, name: string): boolean {
  return call.query.get(name)?.toLowerCase() === 'true';
}

/** The whole numbers of a list of the query, such as `1,2`; undefined when it was not given. */
export function numbers(call: Call, name: string): Set<number> | undefined {
  const given = call.query.get(name);
  if (given === undefined || given === '') return undefined;
  return new Set(given.split(',').map((part) => toInteger(part.trim()) ?? Number.NaN));
}

/** The names of a list of the query; undefined when it was not given. */
export function names(call: Call, name: string): string[] | undefined {
  const given = call.query.get(name);
  return given === undefined || given === '' ? undefined : given.split(',').map((part) => part.trim());
}

/** Refuses agents and jobs that act for another. */
export function mayActFor(call: Call, agentId: number | undefined, requestId?: number): void {
  const { identity } = call;
  if (identity.kind === 'controller') return;
  if (identity.kind === 'agent' ? identity.agentId === agentId : identity.requestId === requestId) return;
  throw new Refusal(
    'AccessDeniedException',
    `Access denied. ${identity.key} needs permissions to perform this action.`,
  );
}

/** A property bag on the wire: `*` or the names asked for. */
export function bagFor(asked: string[] | undefined, bag: Input): Record<string, unknown> | undefined {
  if (asked === undefined) return undefined;
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(bag)) {
    if (!asked.includes('*') && !asked.some((it) => it.toLowerCase() === name.toLowerCase())) continue;
    shown[name] = { $type: typeof value === 'string' ? 'System.String' : 'System.Object', $value: value };
  }
  return shown;
}
