import type { AgentRecord } from './records.ts';
import { asObject, textAt } from './input.ts';

/** One demand of a job on its agent. */
export interface Demand {
  name: string;
  operator: 'exists' | 'equals' | 'gtVersion';
  value: string;
}

/** Reads `Name`, `Name -equals Value` or `Name -gtVersion Value`. */
export function parseDemand(text: string): Demand {
  const match = /^\s*(\S+)\s+-(exists|equals|gtVersion)(?:\s+(.*?))?\s*$/i.exec(text);
  if (match === null) return { name: text.trim(), operator: 'exists', value: '' };
  const operator = (match[2] ?? '').toLowerCase();
  return {
    name: match[1] ?? '',
    operator: operator === 'gtversion' ? 'gtVersion' : operator === 'equals' ? 'equals' : 'exists',
    value: match[3] ?? '',
  };
}

/** A demand as clients send it, text or `{name, value}`, in the text form of the wire. */
export function demandText(value: unknown): string {
  if (typeof value === 'string') return value.trim();
  const name = textAt(asObject(value), 'name') ?? '';
  const wanted = textAt(asObject(value), 'value');
  return wanted === undefined || wanted === '' ? name : `${name} -equals ${wanted}`;
}

/** Whether the agent's capabilities meet every demand. Names and values are compared without regard to case. */
export function satisfies(agent: AgentRecord, demands: readonly Demand[]): boolean {
  return demands.every((demand) => {
    const value = capability(agent, demand.name);
    if (demand.operator === 'gtVersion') {
      // A registration that states no version was made by hand; a live server fills it in from the agent.
      if (value === undefined || value === '') return demand.name.toLowerCase() === 'agent.version';
      return compareVersions(value, demand.value) > 0;
    }
    if (value === undefined) return false;
    return demand.operator === 'exists' || value.toLowerCase() === demand.value.toLowerCase();
  });
}

function capability(agent: AgentRecord, name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (const capabilities of [agent.userCapabilities, agent.systemCapabilities]) {
    const exact = capabilities[name];
    if (exact !== undefined) return exact;
    for (const key in capabilities) if (key.toLowerCase() === wanted) return capabilities[key];
  }
  if (wanted === 'agent.version') return agent.version;
  return wanted === 'agent.name' ? agent.name : undefined;
}

/** Negative, zero or positive, part by part. */
function compareVersions(left: string, right: string): number {
  const [a, b] = [left.split('.').map(Number), right.split('.').map(Number)];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
