import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { WithStartWorkflowOperation } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import type { AuditActivities, InstallationActivities } from '../../activities/interfaces.ts';
import { asOdpError } from '../../client/sdk/error.ts';
import { surfacedErrors } from '../../domain/error-catalogue.ts';
import { defaultLimits } from '../../domain/limits.ts';
import { workflowTypes, type AgentReport } from '../../domain/messages.ts';
import { taskQueues, workflowIds } from '../../domain/names.ts';
import { apply, approveAudit, deletePool, purge, resume } from '../../workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { workflowBundle } from '../support/engine.ts';
import { createNamespace, type TestNamespace } from '../support/namespace.ts';
import { agentInput, fakeActivities, poolInput, specification, type Fakes } from '../workflow/fakes.ts';
import { raisedByWorkflows, rejection } from './errors-support.ts';

/** Every error that a workflow itself raises, on the real engine, as the client's error shows it or the agent reports it. */

let stage: TestNamespace;
let stop: () => Promise<void> = async () => {};
beforeAll(async () => {
  stage = await createNamespace();
});
afterEach(async () => {
  await stop();
  stop = async () => {};
});
afterAll(() => stage.close());

const never = () => new Promise<never>(() => undefined);

async function work(overrides: Partial<Fakes & InstallationActivities & AuditActivities>): Promise<void> {
  const resolvePool = async ({ pool }: { pool: string }) => ({ ...specification, name: pool });
  const activities = { ...fakeActivities([]), resolvePool, ...overrides };
  const shared = {
    connection: stage.nativeConnection,
    namespace: stage.namespace,
    activities,
    shutdownForceTime: '1s',
  } as const;
  const workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: taskQueues.workflows, workflowBundle: workflowBundle() }),
    Worker.create({ ...shared, taskQueue: taskQueues.azure }),
    Worker.create({ ...shared, taskQueue: taskQueues.devops }),
  ]);
  const runs = workers.map((worker) => worker.run());
  stop = async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.allSettled(runs);
  };
}

const applyTo = (pool: string) =>
  stage.client.workflow.executeUpdateWithStart(apply, {
    args: [{ document: {} }],
    startWorkflowOperation: new WithStartWorkflowOperation('pool', {
      workflowId: workflowIds.pool(pool),
      taskQueue: taskQueues.workflows,
      args: [poolInput({ pool })],
      workflowIdConflictPolicy: 'USE_EXISTING',
    }),
  });

async function reported(limits: Partial<typeof defaultLimits.agent>): Promise<AgentReport['failure']> {
  const input = agentInput({ limits: { ...defaultLimits.agent, ...limits } });
  const report = (await stage.client.workflow.execute(workflowTypes.agent, {
    workflowId: workflowIds.agent('linux', `limits-${JSON.stringify(limits)}`),
    taskQueue: taskQueues.workflows,
    args: [input],
  })) as AgentReport;
  return report.failure;
}

type Shown = { code: string; message: string; hint?: string | undefined; class?: string };

/** What people see of each. */
const provocations: Record<(typeof raisedByWorkflows)[number], () => Promise<Shown>> = {
  async PoolIsBeingDeleted() {
    // The agent pool stays, so the pool cannot close yet.
    await work({ removeAgentPool: never });
    await applyTo('leaving');
    await stage.client.workflow.getHandle(workflowIds.pool('leaving')).executeUpdate(deletePool);
    return asOdpError(await rejection(applyTo('leaving')));
  },
  async PoolNotCreated() {
    await work({ checkMachine: never });
    const refused = rejection(applyTo('unborn'));
    const handle = stage.client.workflow.getHandle(workflowIds.pool('unborn'));
    const shown = asOdpError(
      await rejection(eventually(() => handle.describe()).then(() => handle.executeUpdate(resume))),
    );
    await handle.terminate();
    await refused;
    return shown;
  },
  async InvalidRequest() {
    await work({});
    await applyTo('served');
    const handle = stage.client.workflow.getHandle(workflowIds.pool('served'));
    return asOdpError(await rejection(handle.executeUpdate(purge, { args: [{ agents: ['nobody'] }] })));
  },
  async ApplyFailed() {
    await work({ checkMachine: never });
    const refused = rejection(applyTo('unchecked'));
    // A check has two minutes; the failure with which the engine ends it then is put in their place.
    const workflowId = workflowIds.pool('unchecked');
    await eventually(async () => {
      const { raw } = await stage.client.workflow.getHandle(workflowId).describe();
      const pending = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'checkMachine');
      if (!pending?.activityId) throw new Error('the check has not begun');
      const timeout = new TimeoutFailure('activity ScheduleToStart timeout', undefined, 'SCHEDULE_TO_START');
      await stage.client.activity.fail({ workflowId, activityId: pending.activityId }, timeout);
    });
    return asOdpError(await refused);
  },
  async NothingToApprove() {
    await work({ auditLook: never });
    const handle = await stage.client.workflow.start(workflowTypes.audit, {
      workflowId: 'audit/1',
      taskQueue: taskQueues.workflows,
      args: [{ limits: defaultLimits.audit }],
    });
    return asOdpError(await rejection(handle.executeUpdate(approveAudit)));
  },
  async AgentDidNotConnect() {
    await work({});
    return {
      hint: surfacedErrors.AgentDidNotConnect.hint,
      code: '',
      message: '',
      ...(await reported({ connectMs: 500 })),
    };
  },
  async TimedOut() {
    await work({ provisionAgent: never });
    const shown = await reported({ heartbeatMs: 500, provisionMs: 1_500 });
    return { hint: surfacedErrors.TimedOut.hint, code: '', message: '', ...shown };
  },
};

describe('what workflows find by themselves', () => {
  test('is all provoked here', () => {
    expect(Object.keys(provocations).toSorted()).toEqual([...raisedByWorkflows].toSorted());
  });

  test.each(Object.entries(provocations))('%s', async (code, provoke) => {
    const { class: kind, hint } = surfacedErrors[code as keyof typeof provocations];
    const shown = await provoke();
    expect(shown).toMatchObject({ code, hint });
    expect(shown.message).toMatch(/\S.*\.$/);
    if (shown.class !== undefined) expect(shown.class).toBe(kind);
  });
});

test('what no code of the catalogue describes is told as unexpected, never by a name of its own', async () => {
  await work({
    checkMachine: () => Promise.reject(ApplicationFailure.nonRetryable('x is undefined', 'TypeError')),
  });
  const error = asOdpError(await rejection(applyTo('broken')));
  expect(error).toMatchObject({ code: 'Unexpected', hint: surfacedErrors.Unexpected.hint });
});
