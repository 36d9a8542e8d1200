import type { Fault } from '../core/context.ts';
import type { OperationAction, OperationRecord } from './records.ts';
import { keyOf } from './table.ts';
import type { ArmState } from './state.ts';

/** Ended operations can be asked for this long. Source: Azure keeps the status of an operation for hours at least. */
const keptMs = 2 * 60 * 60_000;

/** What begins an operation. */
export interface NewOperation {
  subscriptionId: string;
  location: string;
  provider: string;
  resourceId: string;
  action: OperationAction;
  method: string;
  durationMs: number;
  /** It ends so, unless a fault says otherwise. */
  failure?: OperationRecord['error'];
  /** What faults match: the call that began it. */
  subject: Fault['match'];
}

/** Long-running operations: records with due instants, so that a restart takes them up where they were. */
export interface Operations {
  begin(operation: NewOperation): OperationRecord;
  get(id: string): Readonly<OperationRecord> | undefined;
  /** The operation under way on a resource. */
  current(resourceId: string): Readonly<OperationRecord> | undefined;
  /** Ends the operation under way on a resource in favour of another call. */
  preempt(resourceId: string): void;
  resume(): void;
}

/** `complete` applies the effect of an operation that is due; `fail` that of one which ends in an error. */
export function createOperations(
  state: ArmState,
  complete: (operation: Readonly<OperationRecord>) => OperationRecord['error'] | undefined,
  fail: (operation: Readonly<OperationRecord>, error: NonNullable<OperationRecord['error']>) => void,
): Operations {
  const { clock, chance, faults } = state.context;
  const running = new Map<string, string>();
  const ended: { id: string; at: number }[] = [];

  function end(id: string): void {
    const operation = state.operations.get(id);
    if (operation === undefined || operation.status !== 'InProgress') return;
    if (running.get(keyOf(operation.resourceId)) === id) running.delete(keyOf(operation.resourceId));
    let error = operation.error;
    if (error === undefined) error = complete(operation);
    if (error !== undefined) fail(operation, error);
    settle(operation, error === undefined ? 'Succeeded' : 'Failed', error);
  }

  function settle(
    operation: Readonly<OperationRecord>,
    status: OperationRecord['status'],
    error?: OperationRecord['error'],
  ): void {
    const now = clock.now();
    state.operations.put({ ...operation, status, endedAt: now, ...(error === undefined ? {} : { error }) });
    ended.push({ id: operation.id, at: now });
    while (ended[0] !== undefined && ended[0].at < now - keptMs) state.operations.delete(ended.shift()?.id ?? '');
  }

  function watch(operation: Readonly<OperationRecord>): void {
    running.set(keyOf(operation.resourceId), operation.id);
    if (operation.dueAt !== undefined) clock.at(operation.dueAt, () => end(operation.id));
  }

  return {
    begin({ durationMs, subject, failure, ...rest }) {
      const now = clock.now();
      const fault = faults.strike(['longRunningOperation'], subject)?.effect;
      const operation: OperationRecord = { ...rest, id: chance.uuid(), startedAt: now, status: 'InProgress' };
      if (failure !== undefined) operation.error = failure;
      if (fault?.outcome !== 'stuck')
        operation.dueAt = now + durationMs * (fault?.outcome === 'slow' ? fault.factor : 1);
      if (fault?.outcome === 'failed') {
        operation.error = {
          code: fault.code,
          message: fault.message ?? `The operation failed: ${fault.code} (injected).`,
        };
      }
      state.operations.put(operation);
      watch(operation);
      return operation;
    },
    get: (id) => state.operations.get(id),
    current(id) {
      const operationId = running.get(keyOf(id));
      return operationId === undefined ? undefined : state.operations.get(operationId);
    },
    preempt(id) {
      const operationId = running.get(keyOf(id));
      const operation = operationId === undefined ? undefined : state.operations.get(operationId);
      if (operation === undefined) return;
      running.delete(keyOf(id));
      settle(operation, 'Canceled', {
        code: 'OperationPreempted',
        message: 'The operation has been preempted by a more recent operation.',
      });
    },
    resume() {
      for (const operation of state.operations.values()) {
        if (operation.status === 'InProgress') watch(operation);
        else ended.push({ id: operation.id, at: operation.endedAt ?? 0 });
      }
    },
  };
}
