/**
 * Puts this process under a timeline: `Date`, timers, `Math.random`, UUIDs and RSA key pairs. Import it before anything
 * of the product: some modules take what they need from Node while they load. The replacements do what Node's do until
 * `useTimeline` is called.
 */
import crypto, { type KeyObject } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Chance } from '../../../emulator/core/context.ts';
import { currentProcess, whenAwake } from './process.ts';
import type { Timeline } from './timeline.ts';

let timeline: Timeline | undefined;
let chance: Chance | undefined;

/** From now on time and chance are these; `undefined` gives the real ones back. */
export function useTimeline(given: { timeline: Timeline; chance: Chance } | undefined): void {
  timeline = given?.timeline;
  chance = given?.chance;
}

const RealDate = Date;
const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  random: Math.random,
  randomUUID: crypto.randomUUID,
};

/** The time as the process that is at work sees it. */
function now(): number {
  return timeline === undefined ? RealDate.now() : timeline.now() + (currentProcess()?.skewMs ?? 0);
}

class SimulatedDate extends RealDate {
  constructor(...given: []) {
    // A `Date` without arguments is the present.
    super(...((given.length === 0 ? [now()] : given) as []));
  }
  static override now(): number {
    return now();
  }
}

/** Called like a function, `Date()` answers a text; some libraries rely on either form. */
const callableDate = new Proxy(SimulatedDate, {
  apply: () => new RealDate(now()).toString(),
  construct: (target, given, newTarget) => Reflect.construct(target, given, newTarget) as object,
});

type Task = (...given: unknown[]) => void;

/** A timer of a simulated process. Shaped like Node's. */
class SimulatedTimer {
  private cancel: () => void = () => {};
  private readonly task: () => void;
  private readonly everyMs: number | undefined;

  constructor(task: Task, ms: number, given: unknown[], repeats: boolean) {
    const delay = Number.isFinite(ms) ? Math.max(1, Math.trunc(ms)) : 1;
    this.task = () => task(...given);
    this.everyMs = repeats ? delay : undefined;
    this.arm(timeline!.now() + delay);
  }

  private arm(at: number): void {
    const owner = currentProcess();
    this.cancel = timeline!.at(at, () =>
      whenAwake(
        owner,
        timeline!.now(),
        (later) => this.arm(later),
        () => {
          if (this.everyMs !== undefined) this.arm(timeline!.now() + this.everyMs);
          this.task();
        },
      ),
    );
  }

  close(): this {
    this.cancel();
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
  [Symbol.dispose](): void {
    this.cancel();
  }
}

const clear =
  (fallback: (timer: never) => void) =>
  (timer: unknown): void => {
    if (timer instanceof SimulatedTimer) timer.close();
    else fallback(timer as never);
  };

/** How many key pairs take turns: two attempts to make one agent never get the same. Making one takes 100 ms. */
const keyPairs = 16;
const ring: { publicKey: KeyObject; privateKey: KeyObject }[] = [];
let taken = 0;

function nextKeyPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  const index = taken++ % keyPairs;
  return (ring[index] ??= crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }));
}

/** The private numbers of every key pair that was handed out, as an agent's file of credentials has them. */
export function privateNumbers(): string[] {
  return ring.flatMap(({ privateKey }) => {
    const { d = '', p = '', q = '' } = privateKey.export({ format: 'jwk' });
    return [d, p, q].map((number) => Buffer.from(number, 'base64url').toString('base64'));
  });
}

/** Sleeps as `node:timers/promises` does. */
function sleep<T>(ms: number, value?: T, options?: { signal?: AbortSignal }): Promise<T> {
  return new Promise((resolve, reject) => {
    const signal = options?.signal;
    const abort = () => {
      timer.close();
      reject(Object.assign(new Error('The operation was aborted'), { name: 'AbortError', code: 'ABORT_ERR' }));
    };
    const timer = new SimulatedTimer(
      () => {
        signal?.removeEventListener('abort', abort);
        resolve(value as T);
      },
      ms,
      [],
      false,
    );
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

function install(): void {
  Object.assign(globalThis, {
    Date: callableDate,
    setTimeout: Object.assign(
      (task: Task, ms = 0, ...given: unknown[]) =>
        timeline === undefined ? real.setTimeout(task, ms, ...given) : new SimulatedTimer(task, ms, given, false),
      { [promisify.custom]: timersPromises.setTimeout },
    ),
    setInterval: (task: Task, ms = 0, ...given: unknown[]) =>
      timeline === undefined ? real.setInterval(task, ms, ...given) : new SimulatedTimer(task, ms, given, true),
    clearTimeout: clear(real.clearTimeout),
    clearInterval: clear(real.clearInterval),
  });
  Math.random = () => (chance === undefined ? real.random() : chance.uniform());

  const realSleep = timersPromises.setTimeout;
  timersPromises.setTimeout = ((ms: number, value: unknown, options: { signal?: AbortSignal }) =>
    timeline === undefined ? realSleep(ms, value, options) : sleep(ms, value, options)) as typeof realSleep;

  const uuid = () => (chance === undefined ? real.randomUUID() : chance.uuid()) as ReturnType<typeof real.randomUUID>;
  crypto.randomUUID = uuid;
  Object.defineProperty(globalThis.crypto, 'randomUUID', { value: uuid, configurable: true });

  // From Node's thread pool a key would come at a moment that no seed decides.
  const generateKeyPair = crypto.generateKeyPair as unknown as (...given: unknown[]) => void;
  const realKeyPair: (...given: unknown[]) => unknown = promisify(generateKeyPair);
  const simulated = (...given: unknown[]) => {
    if (timeline === undefined) return generateKeyPair(...given);
    const { publicKey, privateKey } = nextKeyPair();
    (given.at(-1) as (error: null, publicKey: KeyObject, privateKey: KeyObject) => void)(null, publicKey, privateKey);
  };
  Object.defineProperty(simulated, promisify.custom, {
    value: (...given: unknown[]) =>
      timeline === undefined ? (realKeyPair(...given) as Promise<unknown>) : Promise.resolve(nextKeyPair()),
  });
  crypto.generateKeyPair = simulated as unknown as typeof crypto.generateKeyPair;
  syncBuiltinESMExports();
}

install();

/** Starts the ring of key pairs at its beginning, so that a run does not depend on the ones before it. */
export function restartKeyPairs(): void {
  taken = 0;
}
