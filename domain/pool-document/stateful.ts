import type { StatefulSpecification } from '../pool-specification.ts';
import { propertyPath } from '../validation/path.ts';
import type { Violation } from '../violation.ts';
import { timeSpanMs } from './primitives.ts';
import { imagesPath } from './rules.ts';
import type { PoolDocument } from './schema.ts';

const day = 24 * 3_600_000;

/** The product's longest life of an agent, and its default. */
const longestLifeMs = 7 * day;

/** The product's default: an agent that nobody needs waits for nothing. */
const defaultGraceMs = 0;

/** A machine takes minutes to come up: one that had to go sooner might never serve. */
const shortestLifeMs = 600_000;

/** How long the pool's agents live; `undefined` where every job gets a fresh one. */
export function statefulOf({
  properties: { agentProfile, operatorProfile },
}: PoolDocument): StatefulSpecification | undefined {
  if (agentProfile.kind !== 'Stateful') return undefined;
  const { maxAgentLifetime, gracePeriodTimeSpan } = agentProfile;
  return {
    lifetimeMs: (maxAgentLifetime === undefined ? undefined : timeSpanMs(maxAgentLifetime)) ?? longestLifeMs,
    graceMs: (gracePeriodTimeSpan === undefined ? undefined : timeSpanMs(gracePeriodTimeSpan)) ?? defaultGraceMs,
    park: operatorProfile?.park ?? false,
  };
}

/** What the life of agents in a document breaks. */
export function lifeViolations(document: PoolDocument): Violation[] {
  return [...shortLives(document), ...parkingWithoutState(document), ...parkingWithoutDisk(document)];
}

function shortLives(document: PoolDocument): Violation[] {
  const { agentProfile } = document.properties;
  const life = statefulOf(document);
  if (life === undefined || life.lifetimeMs >= shortestLifeMs || agentProfile.kind !== 'Stateful') return [];
  return [
    {
      path: 'properties.agentProfile.maxAgentLifetime',
      rule: 'OutOfRange',
      message:
        'It must be at least 00:10:00: a machine takes minutes to come up, and would have to go before it served.',
      ...(agentProfile.maxAgentLifetime === undefined ? {} : { value: agentProfile.maxAgentLifetime }),
    },
  ];
}

function parkingWithoutState({ properties: { agentProfile, operatorProfile } }: PoolDocument): Violation[] {
  if (!operatorProfile?.park || agentProfile.kind === 'Stateful') return [];
  return [
    {
      path: 'properties.operatorProfile.park',
      rule: 'NotAllowedValue',
      message:
        'Only stateful agents are parked: the disks of a stateless one are worth nothing after its job. Set properties.agentProfile.kind to Stateful, or remove it.',
    },
  ];
}

/** Azure refuses to deallocate a machine whose OS disk is ephemeral: the disk would be lost. */
function parkingWithoutDisk({ properties: { fabricProfile, operatorProfile } }: PoolDocument): Violation[] {
  if (!operatorProfile?.park) return [];
  return fabricProfile.images.flatMap(({ ephemeralType }, index): Violation[] => {
    if (ephemeralType === undefined) return [];
    return [
      {
        path: propertyPath([...imagesPath, index, 'ephemeralType']),
        rule: 'NotAllowedValue',
        message:
          'Azure cannot deallocate a machine with an ephemeral OS disk, so it cannot be parked. Remove it, or remove properties.operatorProfile.park.',
        value: ephemeralType,
      },
    ];
  });
}
