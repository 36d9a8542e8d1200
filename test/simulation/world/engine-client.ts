import { AsyncLocalStorage } from 'node:async_hooks';
import { ServiceError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Chance } from '../../../emulator/core/context.ts';
import type { Engine } from '../engine/engine.ts';
import { encodeAll } from '../engine/payloads.ts';
import type { Timeline } from '../time/timeline.ts';
import { currentProcess } from '../time/process.ts';
import { createLink, withTimeout } from './link.ts';

/** How long a call without a deadline waits for an answer that does not come; milliseconds. */
const unansweredMs = 10_000;

/** gRPC codes that activities may meet. */
const grpc = { deadlineExceeded: 4, unavailable: 14 } as const;

function grpcError(code: number, message: string): ServiceError {
  return new ServiceError(message, {
    cause: Object.assign(new Error(`${code} ${message}`), { code, details: message }),
  });
}

interface StartArguments {
  workflowId: string;
  taskQueue: string;
  args?: unknown[];
  signal: string;
  signalArgs?: unknown[];
  typedSearchAttributes?: { getAll(): { key: { name: string }; value: unknown }[] };
}

/**
 * The client that activities have on the engine, with the calls that they make. A call may be refused or lost on either
 * way, as over a network.
 */
export function createEngineClient(engine: Engine, timeline: Timeline, chance: Chance): Client {
  const link = createLink(timeline, chance, () => engine.chances.latencyMs);
  const deadlines = new AsyncLocalStorage<number>();

  const call = <T>(effect: () => T | Promise<T>): Promise<T> => {
    const deadline = deadlines.getStore();
    const ms = deadline === undefined ? unansweredMs : Math.max(1, deadline - Date.now());
    const caller = currentProcess();
    const calling = link.call(async () => {
      // Packets of a cut-off worker are dropped; it waits until its deadline.
      if (caller?.partitioned) return await new Promise<never>(() => {});
      if (engine.down) throw grpcError(grpc.unavailable, 'the server is not reachable');
      const refused = engine.strikes('refuseCall');
      if (refused) engine.figures.refusedCalls += 1;
      if (refused && chance.uniform() < 0.5) throw grpcError(grpc.unavailable, 'refused before it took effect');
      const value = await effect();
      if (refused) throw grpcError(grpc.unavailable, 'the answer was lost after it took effect');
      return value;
    });
    return withTimeout(calling, ms, () => grpcError(grpc.deadlineExceeded, 'deadline exceeded'));
  };

  const notFound = (workflowId: string) =>
    new WorkflowNotFoundError('workflow execution already completed', workflowId, undefined);

  const workflow = {
    signalWithStart: (type: string, options: StartArguments) =>
      call(() => {
        const { workflowId, taskQueue, args = [], signal, signalArgs = [], typedSearchAttributes } = options;
        const attributes = Object.fromEntries(
          (typedSearchAttributes?.getAll() ?? []).map(({ key, value }) => [key.name, String(value)]),
        );
        engine.signalWithStart({ workflowId, type, taskQueue, input: encodeAll(args), attributes }, signal, signalArgs);
      }),
    getHandle: (workflowId: string) => ({
      workflowId,
      signal: (definition: string | { name: string }, ...args: unknown[]) =>
        call(() => {
          const name = typeof definition === 'string' ? definition : definition.name;
          if (!engine.deliverSignal(workflowId, name, encodeAll(args))) throw notFound(workflowId);
        }),
      query: (definition: string | { name: string }, ...args: unknown[]) =>
        call(() => engine.query(workflowId, typeof definition === 'string' ? definition : definition.name, args)),
      describe: () =>
        call(() => {
          const run = engine.runs.get(workflowId)?.at(-1);
          if (!run) throw notFound(workflowId);
          return {
            workflowId,
            runId: run.runId,
            type: run.type,
            status: { name: run.status === 'continuedAsNew' ? 'CONTINUED_AS_NEW' : run.status.toUpperCase() },
            startTime: new Date(run.startedAt),
            ...(run.closedAt === undefined ? {} : { closeTime: new Date(run.closedAt) }),
            historyLength: run.events,
            searchAttributes: listed(run.attributes),
            typedSearchAttributes: typed(run.attributes),
          };
        }),
    }),
    async *list({ query = '' }: { query?: string } = {}) {
      const found = await call(() => engine.visibility.list(query));
      for (const { attributes, ...visible } of found) {
        yield { ...visible, searchAttributes: listed(attributes), typedSearchAttributes: typed(attributes) };
      }
    },
  };

  return {
    workflow,
    withDeadline: <T>(until: number | Date, work: () => Promise<T>) => deadlines.run(Number(until), work),
  } as unknown as Client;
}

const listed = (attributes: Record<string, string>) =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, [value]]));

const typed = (attributes: Record<string, string>) => ({
  get: ({ name }: { name: string }) => attributes[name],
  getAll: () => Object.entries(attributes).map(([name, value]) => ({ key: { name }, value })),
});
