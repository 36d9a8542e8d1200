/**
 * What every part of the embedded cloud shares. The cloud imports nothing of the product, so that it cannot share a
 * misunderstanding with the code that is tested against it.
 */

/** Time as the cloud sees it. The real clock follows the machine; the virtual one moves only when told. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `task` once at the instant `at` (or at once when past). Returns a function that cancels it. */
  at(at: number, task: () => void | Promise<void>): () => void;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** One seeded source of chance: the same seed and the same calls give the same cloud. */
export interface Chance {
  /** From 0 (included) to 1 (not included). */
  uniform(): number;
  /** A random UUID, version 4. */
  uuid(): string;
}

/** A named set of JSON records, kept in memory and written through to the state folder when there is one. */
export interface Collection<T> {
  get(id: string): T | undefined;
  /** Stores a copy; the stored record does not change when the caller's object does. */
  put(id: string, value: T): void;
  delete(id: string): void;
  /** In order of first insertion. */
  values(): T[];
  readonly size: number;
}

/** Where collections live. */
export interface Store {
  collection<T>(name: string): Collection<T>;
  close(): void;
}

/** The cloud's own account of what happened, independent of the product. Never truncated while a test runs. */
export interface Ledger {
  record(entry: LedgerEntry): void;
  /** Entries in order, filtered by kind. */
  entries<K extends LedgerEntry['kind']>(kind: K): Extract<LedgerEntry, { kind: K }>[];
}

/** Services of the cloud, as faults and the ledger name them. */
export type Service = 'arm' | 'entra' | 'azure-devops';

/** One line of the ledger. `at` is milliseconds since the epoch by the cloud's clock. */
export type LedgerEntry =
  | {
      kind: 'call';
      at: number;
      service: Service;
      /** `controller` for clients of the APIs, `agent` for the agents that run on emulated machines. */
      caller: 'controller' | 'agent';
      method: string;
      path: string;
      /** The operation's name, such as `VirtualMachines_CreateOrUpdate` or `Agents_List`. */
      operation: string;
      status: number;
      /** Set when a fault decided the answer. */
      fault?: string;
    }
  | { kind: 'machine'; at: number; id: string; event: MachineEvent; tags: Record<string, string> }
  | {
      kind: 'resource';
      at: number;
      id: string;
      type: string;
      event: 'created' | 'deleted';
      tags: Record<string, string>;
    }
  | {
      kind: 'registration';
      at: number;
      poolId: number;
      agentId: number;
      name: string;
      event: 'registered' | 'replaced' | 'online' | 'offline' | 'enabled' | 'disabled' | 'removed';
    }
  | {
      kind: 'job';
      at: number;
      requestId: number;
      poolId: number;
      event: 'queued' | 'refused' | 'assigned' | 'received' | 'finished';
      agentName?: string;
      /** ARM id of the machine whose agent received it. */
      machineId?: string;
      result?: string;
    };

/** What can happen to a machine. */
export type MachineEvent =
  | 'createAccepted'
  | 'created'
  | 'createFailed'
  | 'booted'
  | 'agentStarted'
  | 'agentRefused'
  | 'stopped'
  | 'deallocateAccepted'
  | 'deallocated'
  | 'startAccepted'
  | 'started'
  | 'reimaged'
  | 'deleteAccepted'
  | 'deleted'
  | 'evicted';

/** A fault to inject, set through the control interface. */
export interface Fault {
  id: string;
  /** Which calls or machines it meets; every given field must match. */
  match: {
    service?: Service;
    method?: string;
    path?: string;
    operation?: string;
    machineName?: string;
    /** Of a machine that is to be made: size, zone, priority (`Regular` or `Spot`) and region of the call's body. */
    vmSize?: string;
    zone?: string;
    priority?: string;
    location?: string;
  };
  effect:
    | {
        kind: 'reject';
        status: number;
        code: string;
        message?: string;
        retryAfterSeconds?: number;
        details?: unknown[];
      }
    /** The call takes effect, then the connection is cut before the answer. */
    | { kind: 'loseResponse' }
    | { kind: 'longRunningOperation'; outcome: 'failed'; code: string; message?: string }
    | { kind: 'longRunningOperation'; outcome: 'stuck' }
    | { kind: 'longRunningOperation'; outcome: 'slow'; factor: number }
    | { kind: 'bootWithoutAgent' }
    | { kind: 'agentDies'; afterMs: number }
    /** List calls answer as of this many milliseconds ago. */
    | { kind: 'staleList'; ageMs: number };
  /** How often it strikes before it is spent; absent: until removed. */
  times?: number;
  /** 0 to 1; absent: always. */
  probability?: number;
}

/** The faults in force. */
export interface Faults {
  /** The first live fault of one of `kinds` that matches, with one of its `times` used up. */
  strike<K extends Fault['effect']['kind']>(
    kinds: readonly K[],
    subject: Fault['match'],
  ): (Fault & { effect: Extract<Fault['effect'], { kind: K }> }) | undefined;
}

/** Latencies in milliseconds, already drawn from their distribution and multiplied by the scale. */
export interface Latencies {
  sample(name: LatencyName): number;
  /** 0 < scale; 1 is as slow as the real cloud. Applies to everything but the duration of jobs. */
  readonly scale: number;
}

/** Everything in the cloud that takes time; the distributions and their sources are in `latencies.ts`. */
export type LatencyName =
  | 'createMachine'
  | 'deleteMachine'
  | 'deallocateMachine'
  | 'startMachine'
  | 'reimageMachine'
  | 'bootToAgent'
  | 'assignJob'
  | 'receiveJob'
  | 'armCall'
  | 'azureDevOpsCall';

/** Where clients reach each service; absolute, no trailing slash. In-process clouds use `https://…invalid`. */
export interface Addresses {
  arm: string;
  entra: string;
  azureDevOps: string;
  control: string;
}

/** Handed to every part of the cloud. */
export interface CloudContext {
  clock: Clock;
  chance: Chance;
  store: Store;
  ledger: Ledger;
  faults: Faults;
  latencies: Latencies;
  addresses: Addresses;
}

/** What a program on a machine has of its surroundings. */
export type MachineContext = Pick<CloudContext, 'clock' | 'chance' | 'latencies'>;

/** A machine that has just finished booting, as its operating system sees itself. */
export interface BootedMachine {
  /** ARM id. */
  id: string;
  name: string;
  vmSize: string;
  location: string;
  privateIpAddress: string;
  /** Decoded; absent when the create call had none. */
  customData?: string;
  /** What `latest` was when it was made; absent for an image that is not of the marketplace. */
  imageVersion?: string;
  /** Numbers of its data disks. */
  dataDiskLuns?: number[];
  /**
   * How often it has booted from this OS disk, this time included; absent: once. cloud-init applies custom data on the
   * first boot only; later ones start what was enabled then.
   */
  boots?: number;
}

/** What runs inside machines. The Azure side calls it; the agent side implements it. */
export interface Guest {
  /** The machine's operating system is up. Called again after a restart of the cloud for every running machine. */
  boot(machine: BootedMachine): void;
  /**
   * The machine stopped, was deallocated or deleted: its processes are gone. `shutdown`: the operating system was asked
   * to shut down, so that they could sign off; otherwise they go without a farewell.
   */
  stop(machineId: string, how?: 'shutdown'): void;
  /** After `stop`: the machine is gone, or its disk was made anew. */
  wipe?(machineId: string): void;
  /** The cloud's own process ends. */
  close?(): void;
}

/** A request handler in the shape of the Fetch API: the same app serves sockets and in-process callers. */
export type Handler = (request: Request) => Response | Promise<Response>;
