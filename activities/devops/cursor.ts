import type { AgentMemory, PoolMemory } from './observation.ts';
import type { Silent } from './silence.ts';

/**
 * The observer's memory as heartbeat details: what a retry needs to go on without telling everything again. An agent
 * takes about thirty bytes.
 */
export interface ObserverCursor {
  version: 1;
  pools: Record<string, PoolCursor>;
}

interface PoolCursor {
  /** Sequence. */
  s: number;
  /** Demand as told. */
  d: string;
  /** Agents: state letters, then the job request that holds it, then the last one that finished. */
  a: Record<string, string>;
  /** The pool needs everything again. */
  r?: 1;
  /** Owed to leases. */
  o?: [number, number][];
}

/** The memory of all pools, as plain data. */
export function encodeCursor(memories: ReadonlyMap<string, PoolMemory>): ObserverCursor {
  return { version: 1, pools: Object.fromEntries([...memories].map(([pool, memory]) => [pool, encodePool(memory)])) };
}

/** Reads a cursor back; one of another version, or none, gives an empty memory: everything is then told anew. */
export function decodeCursor(details: unknown): Map<string, PoolMemory> {
  const cursor = details as Partial<ObserverCursor> | null | undefined;
  if (cursor?.version !== 1 || typeof cursor.pools !== 'object') return new Map();
  return new Map(Object.entries(cursor.pools).map(([pool, encoded]) => [pool, decodePool(encoded)]));
}

function encodePool({ sequence, demand, agents, resync, owed }: PoolMemory): PoolCursor {
  const cursor: PoolCursor = { s: sequence, d: demand, a: {} };
  for (const [name, memory] of agents) cursor.a[name] = encodeAgent(memory);
  if (resync) cursor.r = 1;
  if (owed.size > 0) cursor.o = [...owed];
  return cursor;
}

function decodePool({ s, d, a, r, o }: PoolCursor): PoolMemory {
  const agents = new Map(Object.entries(a).map(([name, text]) => [name, decodeAgent(text)]));
  const memory: PoolMemory = { sequence: s, demand: d, agents, owed: new Map(o ?? []) };
  if (r) memory.resync = true;
  return memory;
}

/**
 * Such as `oer 123 122`: online, enabled, received; holds request 123; 122 is done. `a`: absent from one list; `t`: retold. A silent
 * agent has more: since when, the machine as it was told, and the end of its lock, with times in base 36.
 */
function encodeAgent({ online, enabled, absences, received, retold, requestId, done, silent }: AgentMemory): string {
  const letters = `${online ? 'o' : ''}${enabled ? 'e' : ''}${received ? 'r' : ''}${retold ? 't' : ''}${absences ? 'a' : ''}`;
  return `${letters} ${requestId ?? ''} ${done ?? ''} ${silent ? encodeSilent(silent) : ''}`.trimEnd();
}

function decodeAgent(text: string): AgentMemory {
  const [letters = '', requestId = '', done = '', silent = ''] = text.split(' ');
  const memory: AgentMemory = {
    online: letters.includes('o'),
    enabled: letters.includes('e'),
    absences: letters.includes('a') ? 1 : 0,
  };
  if (letters.includes('r')) memory.received = true;
  if (letters.includes('t')) memory.retold = true;
  if (requestId !== '') memory.requestId = Number(requestId);
  if (done !== '') memory.done = Number(done);
  if (silent !== '') memory.silent = decodeSilent(silent);
  return memory;
}

const machineStates = ['running', 'stopped', 'deallocated', 'gone'] as const;

function encodeSilent({ since, machine, lockedUntil }: Silent): string {
  return `${since.toString(36)}/${machine?.[0] ?? ''}/${lockedUntil?.toString(36) ?? ''}`;
}

function decodeSilent(text: string): Silent {
  const [since = '', letter = '', lockedUntil = ''] = text.split('/');
  const machine = machineStates.find((state) => letter !== '' && state.startsWith(letter));
  return {
    since: parseInt(since, 36),
    ...(machine === undefined ? {} : { machine }),
    ...(lockedUntil === '' ? {} : { lockedUntil: parseInt(lockedUntil, 36) }),
  };
}
