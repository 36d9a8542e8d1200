import { ApplicationFailure } from '@temporalio/common';
import type { AuditActivities } from '../../activities/interfaces.ts';
import type { Comparison } from '../../domain/audit/compare.ts';
import type { Finding, Remains } from '../../domain/audit/finding.ts';
import type { AuditInput, AuditLook, AuditReport } from '../../domain/audit/report.ts';
import { defaultLimits } from '../../domain/limits.ts';
import { workflowTypes } from '../../domain/messages.ts';
import { workflowIds } from '../../domain/names.ts';
import { approveAudit, auditView } from '../../workflows/messages.ts';
import { agentInput, fakeActivities, type Calls } from './fakes.ts';
import { timeSkippingSuite } from './stage.ts';

const minute = 60_000;
const limits = defaultLimits.audit;

function remains(n: number, fields: Partial<Remains> = {}): Remains {
  const agent = `0123abcde${n.toString(36).padStart(6, '0')}`;
  return {
    kind: 'machineWithoutWorkflow',
    subject: `/vm/${agent}`,
    owner: `agent/linux/${agent}`,
    pool: 'linux',
    agent,
    resources: [`/vm/${agent}`],
    agentPools: [{ organizationUrl: 'https://dev.azure.com/contoso', agentPoolId: 1 }],
    since: 1_000 + n,
    ...fields,
  };
}

const counts: Comparison['counts'] = {
  resources: 1,
  unrecognised: 0,
  agentPools: 1,
  registrations: 0,
  agents: 0,
  leases: 0,
  owners: 1,
};

const many = (count: number) => Array.from({ length: count }, (_, n) => remains(n));

timeSkippingSuite()('an audit', (stage) => {
  let next = 0;

  /** Starts an audit whose looks find these, one after the other, the last of them again and again. */
  async function audited(looks: (Finding[] | Partial<AuditLook>)[], input: Partial<AuditInput> = {}) {
    const calls: Calls = [];
    const broken = new Set<string>();
    let looked = 0;
    const activities: AuditActivities = {
      async auditLook({ at }) {
        const given = looks[Math.min(looked++, looks.length - 1)] ?? [];
        const look = Array.isArray(given) ? { findings: given } : given;
        calls.push('look');
        return {
          at,
          complete: true,
          counts,
          findings: [],
          omitted: { deleting: 0, mending: 0 },
          problems: [],
          ...look,
        };
      },
      async removeRemains({ agent }) {
        calls.push(`remove ${agent}`);
        if (broken.has(agent)) throw ApplicationFailure.nonRetryable('there is a lock on it', 'LeftoversRemain');
        return { outcome: 'done' };
      },
      async restoreTags({ subject }) {
        calls.push(`restore ${subject}`);
        return { outcome: 'done' };
      },
      async tellLease({ requestId }) {
        calls.push(`tell lease ${requestId}`);
        return { outcome: 'done' };
      },
      async tellAgent({ requestId }) {
        calls.push(`tell agent ${requestId}`);
        return { outcome: 'done' };
      },
    };
    await stage().work({ ...fakeActivities(calls), ...activities });
    const workflowId = `audit-${next++}`;
    const handle = await stage().start(workflowTypes.audit, workflowId, [{ limits, ...input }]);
    return {
      calls,
      broken,
      workflowId,
      handle,
      report: async (passMs = 2 * minute) => {
        await stage().settle(() => calls.includes('look'));
        await stage().pass(passMs);
        return (await handle.result()) as AuditReport;
      },
    };
  }

  test('without a finding is one look and few events', async () => {
    const { calls, handle, report } = await audited([[]]);
    expect(await report()).toMatchObject({ outcome: 'clean', repairs: [], counts });
    expect(calls).toEqual(['look']);
    const { historyLength } = await handle.describe();
    expect(historyLength).toBeLessThan(15);
  });

  test('repairs what two looks show, a minute apart', async () => {
    const { calls, report } = await audited([
      [remains(2), remains(1), remains(3)],
      [remains(1), remains(2)],
    ]);
    const { outcome, repairs } = await report();
    expect(outcome).toBe('repaired');
    // They begin with the oldest, and go on side by side: which ends first, nobody says.
    expect(repairs.toSorted((one, other) => (one.subject < other.subject ? -1 : 1))).toMatchObject([
      { kind: 'machineWithoutWorkflow', subject: remains(1).subject, outcome: 'done' },
      { kind: 'machineWithoutWorkflow', subject: remains(2).subject, outcome: 'done' },
    ]);
    expect(calls.slice(0, 2)).toEqual(['look', 'look']);
    expect(calls.slice(2).toSorted()).toEqual([`remove ${remains(1).agent}`, `remove ${remains(2).agent}`]);
  });

  test('that finds nothing the second time does nothing', async () => {
    const { calls, report } = await audited([[remains(1)], []]);
    expect(await report()).toMatchObject({ outcome: 'clean', repairs: [] });
    expect(calls).toEqual(['look', 'look']);
  });

  test('deletes nothing when a list had a gap, and mends the rest', async () => {
    const lease: Finding = {
      kind: 'leaseWithoutJob',
      subject: 'lease/contoso/3',
      pool: 'linux',
      organization: 'contoso',
      organizationUrl: 'https://dev.azure.com/contoso',
      agentPoolId: 1,
      requestId: 3,
    };
    const problem = { where: 'somewhere', code: 'ServiceUnavailable', message: 'no', hint: '' };
    const gap = { findings: [remains(1), lease], complete: false, problems: [problem] };
    const { calls, report } = await audited([gap, { ...gap, complete: true, problems: [] }]);
    expect(await report()).toMatchObject({ outcome: 'incomplete', problems: [problem] });
    expect(calls).toEqual(['look', 'look', 'tell lease 3']);
  });

  test('asks an agent without a machine to return', async () => {
    const workflowId = workflowIds.agent('linux', agentInput().identity.agent);
    const finding: Finding = {
      kind: 'workflowWithoutMachine',
      subject: workflowId,
      pool: 'linux',
      agent: agentInput().identity.agent,
    };
    const { report } = await audited([[finding]]);
    const agent = await stage().start(workflowTypes.agent, workflowId, [agentInput()]);
    expect(await report()).toMatchObject({ repairs: [{ kind: 'workflowWithoutMachine', outcome: 'done' }] });
    expect(await agent.result()).toMatchObject({ outcome: 'returned' });
  });

  test('says why it could not repair, and goes on', async () => {
    const { broken, report } = await audited([[remains(1), remains(2)]]);
    broken.add(remains(1).agent);
    const { repairs, outcome } = await report();
    expect(repairs).toContainEqual({
      kind: 'machineWithoutWorkflow',
      subject: remains(1).subject,
      outcome: 'failed',
      message: 'LeftoversRemain: there is a lock on it',
    });
    expect(repairs).toContainEqual(expect.objectContaining({ subject: remains(2).subject, outcome: 'done' }));
    expect(outcome).toBe('unfinished');
  });

  test('as a dry run plans and changes nothing', async () => {
    const { calls, report } = await audited([many(30)], { dryRun: true });
    const { outcome, repairs, cap, dryRun } = await report();
    expect({ outcome, cap, dryRun }).toEqual({ outcome: 'planned', cap: 10, dryRun: true });
    expect(repairs).toHaveLength(30);
    expect(new Set(repairs.map((repair) => repair.outcome))).toEqual(new Set(['planned']));
    expect(calls).toEqual(['look', 'look']);
  });

  describe('that wants to delete more than its cap', () => {
    const approve = (workflowId: string) => stage().client.workflow.getHandle(workflowId).executeUpdate(approveAudit);
    const awaiting = async (workflowId: string) =>
      (await stage().query(workflowId, auditView)).phase === 'awaitingApproval';

    test('deletes nothing, mends the rest, and ends after an hour when nobody approves', async () => {
      const altered: Finding = {
        kind: 'tagsAltered',
        subject: '/vm/altered',
        pool: 'linux',
        owner: 'agent/linux/x',
        agent: 'x',
      };
      const { calls, report } = await audited([[...many(11), altered]]);
      const { outcome, repairs, startedAt, endedAt } = await report(limits.approvalMs + 5 * minute);
      expect(outcome).toBe('notApproved');
      expect(repairs.filter((repair) => repair.outcome === 'notApproved')).toHaveLength(11);
      expect(calls).toEqual(['look', 'look', 'restore /vm/altered']);
      expect(endedAt - startedAt).toBeGreaterThanOrEqual(limits.approvalMs);
      expect(endedAt - startedAt).toBeLessThan(limits.approvalMs + 10 * minute);
    });

    test('deletes after an approval what is still there, and nothing that came since', async () => {
      const { calls, workflowId, report } = await audited([many(12), many(12), [...many(11), remains(40)]]);
      await stage().settle(() => calls.includes('look'));
      await stage().pass(2 * minute);
      await stage().settle(() => awaiting(workflowId));
      expect(calls).toEqual(['look', 'look']);
      const { findings } = await stage().query(workflowId, auditView);
      expect(findings).toHaveLength(12);
      expect(await approve(workflowId)).toEqual({ approved: 12 });
      expect(await report(1)).toMatchObject({ outcome: 'repaired' });
      expect(calls.slice(0, 3)).toEqual(['look', 'look', 'look']);
      expect(calls.slice(3).toSorted()).toEqual(
        many(11)
          .map(({ agent }) => `remove ${agent}`)
          .toSorted(),
      );
    });

    test('takes an approval only while it waits for one', async () => {
      const { workflowId, report } = await audited([[remains(1)]]);
      await expect(approve(workflowId)).rejects.toMatchObject({ cause: { type: 'NothingToApprove' } });
      await report();
    });
  });
});
