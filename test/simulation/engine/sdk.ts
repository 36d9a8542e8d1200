/**
 * Everything that the simulation takes from inside the Temporal SDK, which the SDK promises to nobody: how a worker
 * bundles workflow code, runs it in its sandbox and talks to it. Pinned to one version; `sdk.test.ts` fails when the
 * installed one is another, and says what to look at.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { TypedSearchAttributes } from '@temporalio/common';
import proto, { type coresdk as Core, type temporal as Api } from '@temporalio/proto';
import { bundleWorkflowCode } from '@temporalio/worker';
import { parseWorkflowCode } from '@temporalio/worker/lib/worker.js';
import type { Workflow } from '@temporalio/worker/lib/workflow/interface.js';
import { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js';
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js';
import { createUnsafeRandomSource } from '@temporalio/workflow/lib/random-helpers.js';

/** The version whose insides are known here. */
export const knownSdkVersion = '1.24.0';

export type Job = Core.workflow_activation.WorkflowActivationJob.$Properties;
export type Command = Core.workflow_commands.WorkflowCommand.$Properties;
export type Payload = Api.api.common.v1.Payload.$Properties;
export type Failure = Api.api.failure.v1.Failure.$Properties;
export type WorkflowInstance = Workflow;

const require = createRequire(import.meta.url);

/** The version that is installed. */
export function installedSdkVersion(): string {
  const { version } = JSON.parse(readFileSync(require.resolve('@temporalio/worker/package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

/** What a new instance of a workflow is told, besides its first activation. */
export interface InstanceOptions {
  workflowId: string;
  runId: string;
  firstRunId: string;
  workflowType: string;
  taskQueue: string;
  startedAt: number;
  /** Decides every random number and UUID within the workflow. */
  randomSeed: number;
  parent?: { workflowId: string; runId: string };
  continuedFrom?: string;
}

/** One activation as plain data; the same data again must give the same commands. */
export interface ActivationData {
  jobs: Job[];
  /** Milliseconds since the epoch. */
  at: number;
  historyLength: number;
  continueAsNewSuggested: boolean;
}

/** What came of an activation. */
export type Activated =
  { commands: Command[]; flags: number[]; failure?: undefined } | { commands?: undefined; failure: string };

/** Runs workflows as a worker does. */
export interface WorkflowRuntime {
  create(options: InstanceOptions): Promise<WorkflowInstance>;
  activate(
    instance: WorkflowInstance,
    runId: string,
    data: ActivationData,
    mode: { replaying: boolean; flags: number[] },
  ): Promise<Activated>;
}

/** Loads the product's workflows as a worker does: bundled, in the sandbox that all instances share. */
export async function createWorkflowRuntime(activityNames: Set<string>): Promise<WorkflowRuntime> {
  const workflowsPath = fileURLToPath(new URL('../../../workflows/index.ts', import.meta.url));
  const mute = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} };
  const { code } = (await bundleWorkflowCode({ workflowsPath, logger: mute })) as { code: string };
  const creator = await ReusableVMWorkflowCreator.create(parseWorkflowCode(code), isolateTimeoutMs, activityNames);
  // Stack traces of waiting promises are for people who ask a live workflow; collecting them takes most of the time.
  globalHandlers.uninstall();
  return {
    create: (options) => creator.createWorkflow(creationOptions(options) as never),
    async activate(instance, runId, { jobs, at, historyLength, continueAsNewSuggested }, { replaying, flags }) {
      const activation = proto.coresdk.workflow_activation.WorkflowActivation.fromObject({
        runId,
        timestamp: timestamp(at),
        isReplaying: replaying,
        jobs,
        historyLength,
        historySizeBytes: historyLength * 200,
        continueAsNewSuggested,
        availableInternalFlags: flags,
      });
      const completion = await instance.activate(activation);
      await instance.getAndResetSinkCalls();
      if (completion.successful) {
        return {
          commands: completion.successful.commands ?? [],
          flags: completion.successful.usedInternalFlags ?? [],
        };
      }
      const failure = completion.failed?.failure;
      return { failure: `${failure?.message ?? 'unknown'}\n${failure?.stackTrace ?? ''}` };
    },
  };
}

/**
 * Without a time-out: Node would begin a thread for each of the several calls of an activation, which takes twice as
 * long as the activation itself. A workflow that loops for ever is found by whoever watches this process.
 */
const isolateTimeoutMs = undefined as unknown as number;

function creationOptions(options: InstanceOptions): object {
  const { workflowId, runId, firstRunId, workflowType, taskQueue, startedAt, randomSeed, parent, continuedFrom } =
    options;
  const startTime = new Date(startedAt);
  return {
    info: {
      workflowId,
      runId,
      workflowType,
      searchAttributes: {},
      typedSearchAttributes: new TypedSearchAttributes(),
      ...(parent ? { parent: { ...parent, namespace: 'default' } } : {}),
      taskQueue,
      namespace: 'default',
      firstExecutionRunId: firstRunId,
      originalExecutionRunId: runId,
      continuedFromExecutionRunId: continuedFrom,
      startTime,
      runStartTime: startTime,
      taskTimeoutMs: 10_000,
      attempt: 1,
      historyLength: 3,
      historySize: 600,
      continueAsNewSuggested: false,
      targetWorkerDeploymentVersionChanged: false,
      unsafe: {
        now: () => Date.now(),
        random: createUnsafeRandomSource(Math.random),
        isReplaying: false,
        isReplayingHistoryEvents: false,
      },
    },
    randomnessSeed: seedBytes(randomSeed),
    now: startedAt,
    showStackTraceSources: false,
  };
}

/** A 64-bit integer as its bytes, lowest first. */
function seedBytes(seed: number): number[] {
  return Array.from({ length: 8 }, (_, index) => Math.floor(seed / 256 ** index) % 256);
}

/** A moment as the wire has it. */
export function timestamp(ms: number): { seconds: number; nanos: number } {
  return { seconds: Math.floor(ms / 1000), nanos: Math.round((ms % 1000) * 1e6) };
}

/** Milliseconds of a duration on the wire; undefined when it is not set. */
export function durationMs(
  duration: { seconds?: unknown; nanos?: number | null } | null | undefined,
): number | undefined {
  if (!duration) return undefined;
  const ms = Number(duration.seconds ?? 0) * 1000 + Math.round((duration.nanos ?? 0) / 1e6);
  return ms > 0 ? ms : undefined;
}
