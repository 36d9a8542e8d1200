import proto from '@temporalio/proto';
import type { Engine } from './engine.ts';
import { decode, decodeSearchAttributes, errorOf } from './payloads.ts';
import type { Run } from './records.ts';
import { durationMs, type Command, type Failure } from './sdk.ts';

const { StartChildWorkflowExecutionFailedCause } = proto.coresdk.child_workflow;
const { WorkflowIdReusePolicy } = proto.temporal.api.enums.v1;

/** Whether the command ends the run. */
export function isTerminal(command: Command): boolean {
  return Boolean(
    command.completeWorkflowExecution ??
    command.failWorkflowExecution ??
    command.cancelWorkflowExecution ??
    command.continueAsNewWorkflowExecution,
  );
}

/** Does what a workflow asked for, in its order. */
export function applyCommands(engine: Engine, run: Run, commands: readonly Command[]): void {
  for (const command of commands) apply(engine, run, command);
}

function apply(engine: Engine, run: Run, command: Command): void {
  const now = engine.now();
  if (command.startTimer) {
    const { seq } = command.startTimer;
    run.events += 1;
    const cancel = engine.at(now + (durationMs(command.startTimer.startToFireTimeout) ?? 0), () => {
      run.timers.delete(seq ?? 0);
      run.events += 1;
      engine.happened(run, { fireTimer: { seq: seq ?? 0 } });
    });
    run.timers.set(seq ?? 0, cancel);
  } else if (command.cancelTimer) {
    run.timers.get(command.cancelTimer.seq ?? 0)?.();
    run.timers.delete(command.cancelTimer.seq ?? 0);
    run.events += 1;
  } else if (command.scheduleActivity) {
    engine.activityTasks.schedule(run, command.scheduleActivity);
  } else if (command.requestCancelActivity) {
    engine.activityTasks.requestCancel(run, command.requestCancelActivity.seq ?? 0);
  } else if (command.scheduleLocalActivity || command.requestCancelLocalActivity) {
    run.events += 1;
  } else if (command.startChildWorkflowExecution) {
    startChild(engine, run, command.startChildWorkflowExecution);
  } else if (command.signalExternalWorkflowExecution) {
    signalExternal(engine, run, command.signalExternalWorkflowExecution);
  } else if (command.requestCancelExternalWorkflowExecution) {
    cancelExternal(engine, run, command.requestCancelExternalWorkflowExecution);
  } else if (command.upsertWorkflowSearchAttributes) {
    run.events += 1;
    upsert(engine, run, decodeSearchAttributes(command.upsertWorkflowSearchAttributes.searchAttributes?.indexedFields));
  } else if (command.updateResponse) {
    answerUpdate(run, command.updateResponse);
  } else if (command.modifyWorkflowProperties || command.setPatchMarker) {
    run.events += 1;
  } else if (command.completeWorkflowExecution) {
    run.result = decode(command.completeWorkflowExecution.result);
    engine.close(run, 'completed');
  } else if (command.failWorkflowExecution) {
    run.failure = command.failWorkflowExecution.failure ?? {};
    engine.close(run, 'failed');
  } else if (command.cancelWorkflowExecution) {
    engine.close(run, 'cancelled');
  } else if (command.continueAsNewWorkflowExecution) {
    const { workflowType, arguments: input } = command.continueAsNewWorkflowExecution;
    engine.close(run, 'continuedAsNew');
    engine.startNext(run, workflowType || run.type, input ?? []);
  } else {
    throw new Error(`The simulated engine does not know the command ${JSON.stringify(command).slice(0, 200)}`);
  }
}

export function upsert(engine: Engine, run: Run, attributes: Record<string, string>): void {
  Object.assign(run.attributes, attributes);
  const state = attributes['AgentState'];
  if (state !== undefined) run.states.push({ state, at: engine.now() });
  engine.visibilityChanged(run);
}

function startChild(engine: Engine, run: Run, command: NonNullable<Command['startChildWorkflowExecution']>): void {
  const {
    seq = 0,
    workflowId = '',
    workflowType = '',
    taskQueue,
    input,
    searchAttributes,
    workflowIdReusePolicy,
  } = command as { seq?: number; workflowId?: string; workflowType?: string } & typeof command;
  run.events += 1;
  engine.at(engine.now() + engine.latency(), () => {
    const rejects = workflowIdReusePolicy === WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE;
    if (engine.openRun(workflowId) || (rejects && engine.runs.has(workflowId))) {
      run.events += 1;
      return engine.happened(run, {
        resolveChildWorkflowExecutionStart: {
          seq,
          failed: {
            workflowId,
            workflowType,
            cause:
              StartChildWorkflowExecutionFailedCause.START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS,
          },
        },
      });
    }
    const child = engine.startRun({
      workflowId,
      type: workflowType,
      taskQueue: taskQueue || run.taskQueue,
      input: input ?? [],
      attributes: decodeSearchAttributes(searchAttributes?.indexedFields),
      parent: { workflowId: run.workflowId, runId: run.runId, seq },
    });
    run.events += 1;
    engine.happened(run, { resolveChildWorkflowExecutionStart: { seq, succeeded: { runId: child.runId } } });
  });
}

const notFound = (what: string): Failure => ({
  message: `Unable to ${what} external workflow because it was not found`,
  applicationFailureInfo: { nonRetryable: false },
});

function signalExternal(
  engine: Engine,
  run: Run,
  command: NonNullable<Command['signalExternalWorkflowExecution']>,
): void {
  run.events += 1;
  const seq = command.seq ?? 0;
  const workflowId = command.workflowExecution?.workflowId ?? command.childWorkflowId ?? '';
  engine.at(engine.now() + engine.latency(), () => {
    run.events += 1;
    const found = engine.deliverSignal(workflowId, command.signalName ?? '', command.args ?? []);
    engine.happened(run, {
      resolveSignalExternalWorkflow: { seq, ...(found ? {} : { failure: notFound('signal') }) },
    });
  });
}

function cancelExternal(
  engine: Engine,
  run: Run,
  command: NonNullable<Command['requestCancelExternalWorkflowExecution']>,
): void {
  run.events += 1;
  const seq = command.seq ?? 0;
  engine.at(engine.now() + engine.latency(), () => {
    run.events += 1;
    const found = engine.requestCancel(command.workflowExecution?.workflowId ?? '');
    engine.happened(run, {
      resolveRequestCancelExternalWorkflow: { seq, ...(found ? {} : { failure: notFound('cancel') }) },
    });
  });
}

function answerUpdate(run: Run, response: NonNullable<Command['updateResponse']>): void {
  const update = run.updates.get(response.protocolInstanceId ?? '');
  if (response.accepted) {
    run.events += 1;
    if (update) update.accepted = true;
  } else if (response.rejected) {
    run.updates.delete(response.protocolInstanceId ?? '');
    // Refused by the validator, nothing of it is kept; failed after it was accepted, the same id fails again.
    if (update?.accepted) run.answered.set(response.protocolInstanceId ?? '', { failure: response.rejected });
    update?.settle.reject(errorOf(response.rejected));
  } else {
    run.events += 1;
    const result = decode(response.completed);
    run.updates.delete(response.protocolInstanceId ?? '');
    run.answered.set(response.protocolInstanceId ?? '', { result });
    update?.settle.resolve(result);
  }
}
