import type { Chance, Fault, Faults, Store } from './context.ts';

/** The faults in force, kept in the state folder so that a restart of the cloud does not heal them. */
export interface FaultRegister extends Faults {
  add(fault: Omit<Fault, 'id'>): Fault;
  remove(id: string): boolean;
  clear(): void;
  list(): Fault[];
}

/** Whether `value` fits `pattern`: without regard to case, `*` stands for any run of characters. */
function fits(pattern: string, value: string | undefined): boolean {
  if (value === undefined) return false;
  const expression = pattern
    .split('*')
    .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${expression}$`, 'is').test(value);
}

/** The faults that `store` holds, and those that will be added. */
export function createFaults(store: Store, chance: Chance): FaultRegister {
  const faults = store.collection<Fault>('faults');
  return {
    strike<K extends Fault['effect']['kind']>(kinds: readonly K[], subject: Fault['match']) {
      if (faults.size === 0) return undefined;
      for (const fault of faults.values()) {
        if (!(kinds as readonly string[]).includes(fault.effect.kind)) continue;
        const { service, ...texts } = fault.match;
        if (service !== undefined && service !== subject.service) continue;
        const names = Object.keys(texts) as (keyof typeof texts)[];
        if (names.some((name) => texts[name] !== undefined && !fits(texts[name], subject[name]))) continue;
        if (fault.probability !== undefined && chance.uniform() >= fault.probability) continue;
        if (fault.times !== undefined) {
          if (fault.times <= 1) faults.delete(fault.id);
          else faults.put(fault.id, { ...fault, times: fault.times - 1 });
        }
        return fault as Fault & { effect: Extract<Fault['effect'], { kind: K }> };
      }
      return undefined;
    },
    add(fault) {
      const added: Fault = { ...fault, id: chance.uuid() };
      faults.put(added.id, added);
      return added;
    },
    remove(id) {
      const known = faults.get(id) !== undefined;
      faults.delete(id);
      return known;
    },
    clear() {
      for (const fault of faults.values()) faults.delete(fault.id);
    },
    list: () => faults.values(),
  };
}
