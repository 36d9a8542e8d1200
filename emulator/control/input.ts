import type { Fault } from '../core/context.ts';
import type { CapacityLimit } from '../arm/capacity.ts';
import type { QuotaLimit } from '../arm/quota.ts';

/** A body or parameter of the control interface that is not as it must be. */
export class InvalidControl extends Error {
  override readonly name = 'InvalidControl';

  constructor(property: string, wanted: string, given: unknown) {
    super(`'${property}' must be ${wanted}; it is ${JSON.stringify(given) ?? 'missing'}.`);
  }
}

type Json = Record<string, unknown>;

function object(value: unknown, property: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new InvalidControl(property, 'an object', value);
}

function text(parent: Json, property: string): string {
  const value = parent[property];
  if (typeof value === 'string' && value !== '') return value;
  throw new InvalidControl(property, 'a text', value);
}

function number(parent: Json, property: string, least: number): number {
  const value = parent[property];
  if (typeof value === 'number' && value >= least) return value;
  throw new InvalidControl(property, `a number of at least ${String(least)}`, value);
}

const matchable = ['service', 'method', 'path', 'operation', 'machineName', 'vmSize', 'zone', 'priority', 'location'];
const services = ['arm', 'entra', 'azure-devops'];

function parseEffect(effect: Json): Fault['effect'] {
  const message = effect['message'] === undefined ? {} : { message: text(effect, 'message') };
  switch (effect['kind']) {
    case 'reject': {
      const retry = effect['retryAfterSeconds'];
      return {
        kind: 'reject',
        status: number(effect, 'status', 100),
        code: text(effect, 'code'),
        ...message,
        ...(retry === undefined ? {} : { retryAfterSeconds: number(effect, 'retryAfterSeconds', 0) }),
        ...(Array.isArray(effect['details']) ? { details: effect['details'] as unknown[] } : {}),
      };
    }
    case 'longRunningOperation':
      if (effect['outcome'] === 'failed') {
        return { kind: 'longRunningOperation', outcome: 'failed', code: text(effect, 'code'), ...message };
      }
      if (effect['outcome'] === 'stuck') return { kind: 'longRunningOperation', outcome: 'stuck' };
      if (effect['outcome'] === 'slow') {
        return { kind: 'longRunningOperation', outcome: 'slow', factor: number(effect, 'factor', 0) };
      }
      throw new InvalidControl('effect.outcome', 'failed, stuck or slow', effect['outcome']);
    case 'loseResponse':
    case 'bootWithoutAgent':
      return { kind: effect['kind'] };
    case 'agentDies':
      return { kind: 'agentDies', afterMs: number(effect, 'afterMs', 0) };
    case 'staleList':
      return { kind: 'staleList', ageMs: number(effect, 'ageMs', 0) };
    default:
      throw new InvalidControl(
        'effect.kind',
        'reject, loseResponse, longRunningOperation, bootWithoutAgent, agentDies or staleList',
        effect['kind'],
      );
  }
}

/** A fault without its id. */
export function parseFault(body: unknown): Omit<Fault, 'id'> {
  const fault = object(body, 'body');
  const match = object(fault['match'] ?? {}, 'match');
  for (const name of Object.keys(match)) {
    if (!matchable.includes(name))
      throw new InvalidControl(`match.${name}`, `one of ${matchable.join(', ')}`, match[name]);
    text(match, name);
  }
  if (match['service'] !== undefined && !services.includes(match['service'] as string)) {
    throw new InvalidControl('match.service', `one of ${services.join(', ')}`, match['service']);
  }
  return {
    match,
    effect: parseEffect(object(fault['effect'], 'effect')),
    ...(fault['times'] === undefined ? {} : { times: number(fault, 'times', 1) }),
    ...(fault['probability'] === undefined ? {} : { probability: number(fault, 'probability', 0) }),
  };
}

/** A quota limit; the region defaults to the cloud's own. */
export function parseLimit(body: unknown, location: string): QuotaLimit {
  const limit = object(body, 'body');
  return {
    location: limit['location'] === undefined ? location : text(limit, 'location'),
    name: text(limit, 'name'),
    limit: number(limit, 'limit', 0),
  };
}

const priorities = ['Regular', 'Spot'] as const;

/** Room for machines; the region defaults to the cloud's own, and `machines: null` takes the limit away. */
export function parseCapacity(
  body: unknown,
  location: string,
): Omit<CapacityLimit, 'machines'> & { machines?: number } {
  const limit = object(body, 'body');
  const given = (name: 'vmSize' | 'zone') => (limit[name] === undefined ? {} : { [name]: text(limit, name) });
  const priority = priorities.find((name) => name === limit['priority']);
  if (limit['priority'] !== undefined && priority === undefined) {
    throw new InvalidControl('priority', 'Regular or Spot', limit['priority']);
  }
  return {
    location: limit['location'] === undefined ? location : text(limit, 'location'),
    ...given('vmSize'),
    ...given('zone'),
    ...(priority === undefined ? {} : { priority }),
    ...(limit['machines'] === null ? {} : { machines: number(limit, 'machines', 0) }),
  };
}

/** An organisation to be made. */
export function parseOrganization(body: unknown): { name: string; projects: string[] } {
  const organization = object(body, 'body');
  const projects = organization['projects'] ?? ['samples'];
  if (!Array.isArray(projects) || projects.some((project) => typeof project !== 'string' || project === '')) {
    throw new InvalidControl('projects', 'a list of names', projects);
  }
  return { name: text(organization, 'name'), projects: projects as string[] };
}
