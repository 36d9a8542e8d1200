import type { AgentPhase, Plan, PlanningAgent, PlanningInput } from '../../domain/planning/types.ts';

/** The moment at which the examples are planned. */
export const now = Date.UTC(2026, 0, 5, 9);

/** A pool of one image and at most ten agents, with nothing in it, unless told otherwise. */
export function poolWith(changes: Partial<PlanningInput> = {}): PlanningInput {
  return {
    now,
    maximumConcurrency: 10,
    images: [{ name: 'ubuntu', buffer: '*' }],
    standby: { count: 0, counts: 'idle' },
    demand: [],
    agents: [],
    holds: [],
    closing: false,
    ...changes,
  };
}

/** Agents of one image in one phase for a given time, ten minutes unless told otherwise. */
export function agents(image: string, phase: AgentPhase, count: number, forMs = 600_000): PlanningAgent[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `${image}-${phase}-${forMs}-${index}`,
    image,
    phase,
    since: now - forMs,
  }));
}

/** The input after the commands were carried out: what the pool's roster says right after its turn. */
export function carriedOut(input: PlanningInput, { commands }: Plan): PlanningInput {
  const phases = { retire: 'returning', park: 'parking', wake: 'waking' } as const;
  const changed = new Map(
    commands.flatMap((command) => (command.kind === 'create' ? [] : [[command.agent, phases[command.kind]] as const])),
  );
  const created = commands.flatMap((command, index) =>
    command.kind === 'create'
      ? Array.from({ length: command.count }, (_, number): PlanningAgent => {
          return { name: `new-${index}-${number}`, image: command.image, phase: 'creating', since: input.now };
        })
      : [],
  );
  return {
    ...input,
    agents: [
      ...input.agents.map((agent): PlanningAgent => {
        const phase = changed.get(agent.name);
        return phase === undefined ? agent : { ...agent, phase, since: input.now };
      }),
      ...created,
    ],
  };
}

/** How many agents a plan creates: of one image, or of all. */
export function creates({ commands }: Plan, image?: string): number {
  return commands.reduce(
    (sum, command) =>
      command.kind === 'create' && (image === undefined || command.image === image) ? sum + command.count : sum,
    0,
  );
}

/** Names of the agents that a plan retires. */
export function retires({ commands }: Plan): string[] {
  return commands.flatMap((command) => (command.kind === 'retire' ? [command.agent] : []));
}

/** Names of the agents that a plan parks, or wakes. */
export function told({ commands }: Plan, kind: 'park' | 'wake'): string[] {
  return commands.flatMap((command) => (command.kind === kind ? [command.agent] : []));
}
