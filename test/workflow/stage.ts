import { Client, type QueryDefinition, type SignalDefinition, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { createInstallationActivities } from '../../activities/installation.ts';
import { taskQueues } from '../../domain/names.ts';
import { timeSkipping } from '../support/time-skipping.ts';
import { workflowBundle } from '../support/engine.ts';
import { addSearchAttributes } from '../support/namespace.ts';
import { testInstallation } from '../support/installation.ts';
import type { Fakes } from './fakes.ts';

/** How long a test waits, in real time, for something that needs no virtual time to pass. */
const settleDeadlineMs = 15_000;

/** One engine under virtual time, and the workers of the running test. */
export interface Stage {
  /** Starts workers on every task queue with these activities; they stop after the test. */
  work(activities: Fakes): Promise<void>;
  start(type: string, workflowId: string, args: unknown[]): Promise<WorkflowHandle>;
  signal<Args extends unknown[]>(workflowId: string, signal: SignalDefinition<Args>, ...args: Args): Promise<void>;
  query<Ret>(workflowId: string, query: QueryDefinition<Ret>): Promise<Ret>;
  /** Lets virtual time pass. */
  pass(ms: number): Promise<void>;
  /** Virtual time; milliseconds since the epoch. */
  now(): Promise<number>;
  /** Waits until a workflow of this id exists. */
  until(workflowId: string): Promise<void>;
  /** Waits until the condition holds. */
  settle(condition: () => boolean | Promise<boolean>): Promise<void>;
  readonly client: Client;
}

/**
 * A `describe` on the time-skipping server, of which each test gets its own with `fresh`: what a test leaves unfinished can
 * stop virtual time for good. Skipped with its reason printed where that server cannot be had.
 */
export function timeSkippingSuite({ fresh = false } = {}): (
  name: string,
  define: (stage: () => Stage) => void,
) => void {
  const server = timeSkipping();
  return (name, define) => {
    if (!server.available) {
      process.stderr.write(`skipped: ${name}: ${server.reason}\n`);
      return describe.skip(name, () => define(() => assertNever(name)));
    }
    describe(name, () => {
      let environment: TestWorkflowEnvironment;
      let stage: Stage;
      let stopWorkers: () => Promise<void> = async () => {};
      (fresh ? beforeEach : beforeAll)(async () => {
        environment = await server.start();
        const client = new Client({
          connection: environment.connection,
          namespace: environment.namespace ?? 'default',
        });
        await addSearchAttributes(environment.connection, client.options.namespace);
        stage = createStage(environment, client, (stop) => {
          stopWorkers = stop;
        });
      });
      afterEach(async () => {
        await stopWorkers();
        stopWorkers = async () => {};
      });
      (fresh ? afterEach : afterAll)(async () => {
        await environment.teardown();
      });
      define(() => stage);
    });
  };
}

function assertNever(name: string): never {
  throw new Error(`${name} was skipped`);
}

function createStage(
  environment: TestWorkflowEnvironment,
  client: Client,
  onWork: (stop: () => Promise<void>) => void,
): Stage {
  const settle: Stage['settle'] = async (condition) => {
    const deadline = Date.now() + settleDeadlineMs;
    while (!(await condition())) {
      if (Date.now() > deadline)
        throw new Error(`did not come true within ${settleDeadlineMs} ms: ${condition.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return {
    client,
    settle,
    async work(activities) {
      const local = createInstallationActivities(testInstallation());
      const shared = { connection: environment.nativeConnection, namespace: client.options.namespace };
      const workers = await Promise.all([
        Worker.create({
          ...shared,
          taskQueue: taskQueues.workflows,
          workflowBundle: workflowBundle(),
          activities: { ...local },
        }),
        ...[taskQueues.azure, taskQueues.devops, taskQueues.observer].map((taskQueue) =>
          Worker.create({ ...shared, taskQueue, activities: { ...activities } }),
        ),
      ]);
      const runs = workers.map((worker) => worker.run());
      onWork(async () => {
        for (const worker of workers) worker.shutdown();
        await Promise.all(runs);
      });
    },
    start: (type, workflowId, args) =>
      client.workflow.start(type, { workflowId, args, taskQueue: taskQueues.workflows }),
    signal: (workflowId, signal, ...args) => client.workflow.getHandle(workflowId).signal(signal, ...args),
    query: (workflowId, query) => client.workflow.getHandle(workflowId).query(query),
    pass: (ms) => environment.sleep(ms),
    now: () => environment.currentTimeMs(),
    until: (workflowId) =>
      settle(async () => {
        try {
          await client.workflow.getHandle(workflowId).describe();
          return true;
        } catch {
          return false;
        }
      }),
  };
}
