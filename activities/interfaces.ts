import type {
  AgentIdentity,
  AgentObservation,
  JobObservation,
  MachineSight,
  PoolObservation,
  WatchedPool,
} from '../domain/messages.ts';
import type { JobWithoutLease, LeaseWithoutJob, Remains, TagsAltered } from '../domain/audit/finding.ts';
import type { AuditLook, AuditRepair } from '../domain/audit/report.ts';
import type { AuditLimits, Limits } from '../domain/limits.ts';
import type { ImageSpecification, MachineSpecification, PoolSpecification } from '../domain/pool-specification.ts';

/**
 * The contracts of the activities: all that workflow code may import from this folder, and only as types. Every
 * activity may run twice, also at the same time, and must then have the effect of once. Every failure that leaves one
 * is an `ApplicationFailure` made by `errors.ts`, whose `type` is a code of the error table.
 */

/** Input of `provisionAgent`. */
export interface ProvisionInput {
  identity: AgentIdentity;
  /** Id of the agent's workflow: the value of the tag that proves ownership. */
  workflowId: string;
  machine: MachineSpecification;
  image: ImageSpecification;
  /** The agent runs one job after the other, and comes up again with its machine; absent: one job. */
  stateful?: true;
}

/** What `provisionAgent` made. Times are milliseconds since the epoch. */
export interface ProvisionedAgent {
  /** Azure DevOps' id of the registration. */
  registrationId: number;
  /** ARM id of the machine. */
  resourceId: string;
  /** Just before the create call left. */
  createSentAt: number;
  /** Azure reported the machine as created. */
  runningAt: number;
  /** Its priority is Spot: Azure may evict it. */
  spot?: true;
}

/** Input of `returnAgent`. */
export interface ReturnInput {
  identity: AgentIdentity;
  workflowId: string;
  machine: Pick<MachineSpecification, 'subscriptionId' | 'resourceGroup'>;
  /** Where it is known: a list of agents may lag, and an agent that it does not show may hold a job. */
  registrationId?: number;
}

/** `busy`: the server refused to forget the agent because a job runs on it; nothing was deleted. */
export type ReturnOutcome = { outcome: 'returned' } | { outcome: 'busy' };

/** Input of `parkAgent` and of `wakeAgent`. */
export type ParkInput = ReturnInput;

/** `busy`: a job holds the agent, and nothing was changed. `gone`: its machine or its registration is not there. */
export type ParkOutcome = 'parked' | 'busy' | 'gone';

/** Times are milliseconds since the epoch: just before the start call left, and when Azure reported the machine as running. */
export type WakeOutcome = { outcome: 'woken'; startSentAt: number; runningAt: number } | { outcome: 'gone' };

/** Activities that span Azure and Azure DevOps, on the task queue `azure`. All heartbeat. */
export interface AgentActivities {
  /**
   * Registers the agent with a key pair made here (the private key must never enter a history) and creates its machine
   * with one tagged PUT; waits until Azure reports it created. A retry looks for the machine first, and registers anew
   * only where there is none. Resumes a long-running operation from the heartbeat.
   */
  provisionAgent(input: ProvisionInput): Promise<ProvisionedAgent>;
  /**
   * Disables and deregisters (the server's refusal is the commit point: `busy`), deletes the machine, its disks and its
   * network interface, and verifies by tag that nothing is left. Safe to call for an agent that never came to be.
   */
  returnAgent(input: ReturnInput): Promise<ReturnOutcome>;
  /**
   * Disables the agent, so that no job can come, and asks the server whether one came before (`busy`: it is enabled
   * again, and nothing else was done); then deallocates the machine, whose disks stay.
   */
  parkAgent(input: ParkInput): Promise<{ outcome: ParkOutcome }>;
  /** Starts a deallocated machine and then enables its agent. */
  wakeAgent(input: ParkInput): Promise<WakeOutcome>;
}

/** Input of `checkPool`. */
export interface CheckPoolInput {
  installation: string;
  specification: PoolSpecification;
}

/** Quick activities on Azure, on the task queue `azure`. */
export interface AzureActivities {
  /** Refuses, with every violation at once, a specification that Azure could not serve: unknown image, size, region, subnet. */
  checkMachine(input: CheckPoolInput): Promise<void>;
}

/** One build. */
export interface BuildReference {
  organizationUrl: string;
  projectId: string;
  buildId: number;
}

/**
 * `retried`: its stage is run again, by this call or by anybody else. `running`: other jobs of its stage run yet.
 * `again`: the job was such a second run. `notFound`: neither job nor build are to be found any more.
 */
export type RetryOutcome = 'retried' | 'running' | 'again' | 'notFound';

/** Quick activities on Azure DevOps, on the task queue `azure-devops`. */
export interface DevOpsActivities {
  /**
   * Refuses, with every violation at once, a specification that Azure DevOps could not serve: organisation not
   * reachable, credentials refused, project unknown, an agent pool of that name that is not ours. Changes nothing.
   */
  checkOrganization(input: CheckPoolInput): Promise<void>;
  /**
   * Makes the agent pool, its queues in the named projects and one placeholder registration per image, or brings them
   * to the specification. Answers the agent pool's id.
   */
  prepareAgentPool(input: CheckPoolInput): Promise<{ agentPoolId: number }>;
  /** Removes placeholders, queues and the agent pool, if they are ours. Succeeds when there is nothing. */
  removeAgentPool(input: CheckPoolInput): Promise<void>;
  /** Stops the server from giving the agent another job. Succeeds when the registration is gone. */
  disableAgent(input: { identity: AgentIdentity; registrationId: number }): Promise<void>;
  /**
   * Disables and deregisters an agent, and leaves its machine alone. `busy`: the server refused because a job runs on it,
   * and nothing was changed. Succeeds when the registration is gone.
   */
  deregisterAgent(input: {
    identity: AgentIdentity;
    registrationId?: number;
  }): Promise<{ outcome: 'deregistered' | 'busy' }>;
  /** Cancels the build of a job. Succeeds when it has already ended. */
  cancelBuild(input: BuildReference): Promise<void>;
  /** Puts a tag on a build, where its people see it. A tag that is there already stays; a build that is gone gets none. */
  tagBuild(input: BuildReference & { tag: string }): Promise<void>;
  /** Runs the stage of a job again, once: a stage that runs, or that anybody ran again, is left as it is. */
  retryStage(input: BuildReference & { jobId: string }): Promise<{ outcome: RetryOutcome }>;
}

/** Input of `observeOrganization`. */
export interface ObserveInput {
  organization: string;
  url: string;
  pools: WatchedPool[];
  limits: Omit<Limits['observer'], 'machineLooksMs'>;
}

/** The hour-long activity, on the task queue `azure-devops-observer`. */
export interface ObserverActivities {
  /**
   * Looks at each pool with two list calls per tick (agents, then unfinished job requests), tells agents, leases and
   * pools what changed, and keeps its cursor in the heartbeat. Returns after `limits.activityMs`.
   */
  observeOrganization(input: ObserveInput): Promise<void>;
}

/** Activities that need only the installation document, run as local activities of the `pools` workers. */
export interface InstallationActivities {
  /**
   * Parses and validates a pool document against the resource model and this installation (image catalogue, default
   * subnet, what this version supports), and answers what the workflows run. Fails with `InvalidPool`; its details are
   * ARM's error body with every violation.
   */
  resolvePool(input: { pool: string; document: unknown }): Promise<PoolSpecification>;
}

/** Activities on the engine itself, on the task queue `azure-devops`. */
export interface EngineActivities {
  /** Tells the organisation's workflow to watch a pool; starts the workflow when there is none. */
  watchPool(input: { organization: string; url: string; pool: WatchedPool; limits: Limits }): Promise<void>;
  unwatchPool(input: { organization: string; pool: string }): Promise<void>;
  /** Names of the agents of this pool whose workflows are open, from visibility: eventually consistent. */
  listOpenAgents(input: { pool: string }): Promise<string[]>;
}

/** What a repair came to; `message` where there is more to say. */
export type RepairOutcome = Pick<AuditRepair, 'message'> & { outcome: 'done' | 'notNeeded' | 'busy' | 'unproven' };

/**
 * The activities of the auditor, on the task queue `azure`. Each repair looks once more at what it is about to change,
 * for the list that found it is old by then. All heartbeat.
 */
export interface AuditActivities {
  /**
   * Lists the cloud, then Azure DevOps, then the open workflows, and compares them. A list that cannot be had is tried
   * again twice; then the answer is incomplete and says why.
   *
   * @param input `at`: the engine's time, milliseconds since the epoch: ages must not depend on a worker's own clock
   */
  auditLook(input: {
    at: number;
    limits: Pick<AuditLimits, 'findingsMax'>;
    /** Also checks the invariants that one look can see. */
    check?: boolean;
  }): Promise<AuditLook>;
  /**
   * Deletes what is left of an agent whose workflow is not open: deregisters first (the server's refusal is the commit
   * point: `busy`), then deletes those of the given resources that carry all of our tags. Nothing else is touched.
   */
  removeRemains(remains: Remains): Promise<RepairOutcome>;
  /** Writes our tags back on what belongs to an open agent; other tags stay as they are. */
  restoreTags(altered: TagsAltered): Promise<RepairOutcome>;
  /** Tells a lease how its job ended. */
  tellLease(lease: LeaseWithoutJob): Promise<RepairOutcome>;
  /** Tells an agent of the job that holds it. */
  tellAgent(job: JobWithoutLease): Promise<RepairOutcome>;
}

/** What came of a delivery: nothing to say, or that there is no such open workflow, which is no failure. */
export type Delivered = 'notFound' | undefined | void;

/** How the observer delivers; the worker gives it a Temporal client, a test a list. */
export interface ObservationSink {
  pool(pool: string, observation: PoolObservation): Promise<Delivered>;
  agent(pool: string, agent: string, observation: AgentObservation): Promise<Delivered>;
  lease(organization: string, requestId: number, observation: JobObservation): Promise<Delivered>;
}

/** The machines of a subscription, by one list for all of them. */
export interface MachineSights {
  /**
   * What Azure showed of these machines after their agents fell silent, as far as that is known yet; begins a look where
   * one is due. Never waits and never throws: `problem` is why the last look failed, told once.
   *
   * @param silent by the name of the machine, since when; milliseconds since the epoch
   */
  look(
    subscriptionId: string,
    silent: ReadonlyMap<string, number>,
  ): { sights: Map<string, MachineSight>; problem?: string };
}

/** A public RSA key as Azure DevOps takes it: base64 of the big-endian numbers. */
export interface AgentPublicKey {
  exponent: string;
  modulus: string;
}

/** What the server answered to a registration: the material of `.agent` and `.credentials`. */
export interface AgentRegistration {
  registrationId: number;
  agentPoolName: string;
  serverUrl: string;
  clientId: string;
  authorizationUrl: string;
}

/** The Azure DevOps side of `provisionAgent` and `returnAgent`. */
export interface AgentRegistrar {
  /** Adds the registration; replaces one of the same name, so that an earlier key is worth nothing. */
  register(
    identity: AgentIdentity,
    publicKey: AgentPublicKey,
    userCapabilities: Record<string, string>,
  ): Promise<AgentRegistration>;
  find(identity: AgentIdentity): Promise<{ registrationId: number } | undefined>;
  /** Disables, then deletes. `busy`: the server refused because a job runs on it, and it is enabled or not as before. */
  deregister(identity: AgentIdentity, registrationId?: number): Promise<'removed' | 'busy'>;
  /** Disables, then asks whether a job holds it. `busy`: one does, and it is enabled or not as before. */
  withdraw(identity: AgentIdentity, registrationId?: number): Promise<'withdrawn' | 'busy' | 'gone'>;
  /** Enables. `gone`: there is no such registration. */
  admit(identity: AgentIdentity, registrationId?: number): Promise<'admitted' | 'gone'>;
}
