import { setTimeout as sleep } from 'node:timers/promises';
import { OdpError } from '../../client/sdk/index.ts';
import type { Breach } from '../../domain/invariants/account.ts';
import { place } from '../simulation/schedule/pool-documents.ts';
import type { Arena } from './arena.ts';
import type { ChaosSchedule, ChaosVerb } from './schedule.ts';

/** An error as an operator read it. */
export interface Told {
  at: number;
  where: string;
  code: string;
  message: string;
  hint: string;
}

/** What the operators of a batch did and were told. */
export interface Operators {
  /** Does the verbs of one pool, each until it has its answer. */
  run(schedule: ChaosSchedule): Promise<void>;
  /** Deletes a pool, until it is told that the deletion has begun or that there is no such pool. */
  delete(pool: string): Promise<void>;
  /** An answer comes later than its effect, so both moments are kept. */
  readonly accepted: { pool: string; sentAt: number; at: number; document: unknown }[];
  readonly deleted: { pool: string; sentAt: number; at: number }[];
  readonly told: Told[];
  /** Verbs that have no answer yet. */
  readonly pending: ReadonlySet<string>;
  /** Wrong documents that were accepted, right ones that were refused. */
  readonly breaches: Breach[];
}

/** Between two tries of an operator whose command failed for a reason outside of it. */
const againMs = 1_000;

/** Answers of the system itself, not of what stands between it and the operator. */
const verdicts: ReadonlySet<string> = new Set(['InvalidPool', 'PoolIsBeingDeleted', 'NotFound']);

/** @param stop ends the tries when the batch ends */
export function operatorsOf({ stack, odp, startedAt, note }: Arena, stop: AbortSignal): Operators {
  const accepted: Operators['accepted'] = [];
  const deleted: Operators['deleted'] = [];
  const told: Told[] = [];
  const breaches: Breach[] = [];
  const pending = new Set<string>();

  /** The code of the system's answer; `undefined` when it did as it was told. */
  const persist = async (where: string, verb: () => Promise<unknown>): Promise<string | undefined> => {
    for (;;) {
      stop.throwIfAborted();
      try {
        await verb();
        note(`${where}: done`);
        return undefined;
      } catch (error) {
        const { code, message, hint = '' } = error instanceof OdpError ? error : wrapped(error);
        if (told.at(-1)?.code !== code) note(`${where}: ${code} ${message.slice(0, 160)}`);
        told.push({ at: Date.now(), where, code, message, hint });
        if (verdicts.has(code)) return code;
        await sleep(againMs, undefined, { signal: stop });
      }
    }
  };

  const apply = async (pool: string, document: unknown): Promise<void> => {
    const placed = inPlace(document, stack.cloud.organizationUrl);
    const where = `apply ${pool}`;
    for (;;) {
      const sentAt = Date.now();
      const code = await persist(where, () => odp.pools.apply(placed));
      if (code === undefined) {
        accepted.push({ pool, sentAt, at: Date.now(), document: placed });
        return;
      }
      if (code === 'InvalidPool') {
        const message = `A right document was refused: ${told.at(-1)?.message}`;
        breaches.push({ invariant: 'badInputOnly', at: Date.now(), subject: pool, message });
        return;
      }
      // The old life of the pool ends first.
      await sleep(againMs, undefined, { signal: stop });
    }
  };

  const applyWrong = async (pool: string, document: unknown): Promise<void> => {
    const placed = inPlace(document, stack.cloud.organizationUrl);
    const code = await persist(`apply wrong ${pool}`, () => odp.pools.apply(placed));
    if (code !== undefined) return;
    const message = `A wrong document was accepted: ${JSON.stringify(document).slice(0, 500)}`;
    breaches.push({ invariant: 'badInputRefused', at: Date.now(), subject: pool, message });
  };

  const remove = async (pool: string): Promise<void> => {
    const sentAt = Date.now();
    await persist(`delete ${pool}`, () => odp.pools.delete(pool));
    deleted.push({ pool, sentAt, at: Date.now() });
  };

  const does: { [K in ChaosVerb['kind']]: (pool: string, verb: Extract<ChaosVerb, { kind: K }>) => Promise<void> } = {
    apply: (pool, { document }) => apply(pool, document),
    applyWrong: (pool, { document }) => applyWrong(pool, document),
    delete: (pool) => remove(pool),
  };

  return {
    accepted,
    deleted,
    told,
    pending,
    breaches,
    delete: remove,
    async run({ pool, verbs }) {
      for (const verb of verbs) {
        await sleep(Math.max(0, startedAt + verb.at - Date.now()), undefined, { signal: stop });
        const name = `${verb.kind} ${pool}`;
        pending.add(name);
        await (does[verb.kind] as (pool: string, verb: ChaosVerb) => Promise<void>)(pool, verb);
        pending.delete(name);
      }
    },
  };
}

function wrapped(error: unknown): { code: string; message: string; hint?: string } {
  // The connection was closed under a call: the engine was killed at that moment.
  return { code: 'Interrupted', message: error instanceof Error ? error.message : String(error) };
}

/** Schedules are drawn without a stack: the address of the organisation is known only now. */
function inPlace(document: unknown, organizationUrl: string): unknown {
  return JSON.parse(JSON.stringify(document).replaceAll(place.organizationUrl, organizationUrl));
}
