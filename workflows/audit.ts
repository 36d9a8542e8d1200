import { condition, log, setCurrentDetails, setHandler, sleep } from '@temporalio/workflow';
import type { AuditCounts } from '../domain/audit/compare.ts';
import {
  isRemains,
  type Finding,
  type Mending,
  type Remains,
  type WorkflowWithoutPart,
} from '../domain/audit/finding.ts';
import { confirmationMs, planRepairs, type RepairPlan } from '../domain/audit/plan.ts';
import type { AuditInput, AuditLook, AuditPhase, AuditRepair, AuditReport, AuditView } from '../domain/audit/report.ts';
import { auditLooks, auditRepairs, priorities } from './activity-profiles.ts';
import { failureDetails, ownFailure } from './failures.ts';
import { approveAudit, auditView } from './messages.ts';
import { retireAgent } from './pool/agents.ts';

/** Repairs on their way at the same time. */
const concurrency = 10;

/**
 * One audit. It looks at the cloud, at Azure DevOps and at the open workflows, looks again a minute later, and repairs
 * what both looks show, the oldest first. States: looking, confirming, repairing, awaitingApproval, done. It takes one
 * update, `approve`, when it would delete more than its cap. It never continues as new: the findings of a look are
 * bounded, and an audit without a finding is one activity.
 */
export async function audit(input: AuditInput): Promise<AuditReport> {
  return await new Audit(input).run();
}

class Audit {
  private readonly input: AuditInput;
  private readonly startedAt = Date.now();
  private phase: AuditPhase = 'looking';
  private until: number | undefined;
  private counts: AuditCounts | undefined;
  private last: AuditLook | undefined;
  private plan: RepairPlan | undefined;
  private complete = true;
  private approved = false;
  private readonly repairs: AuditRepair[] = [];
  private readonly problems: AuditReport['problems'] = [];
  /** No repair begins after this. */
  private repairsUntil = Infinity;

  constructor(input: AuditInput) {
    this.input = input;
    setHandler(approveAudit, () => this.approve(), {
      validator: () => this.refuseApproval(),
      description: 'Delete more than the cap allows, as planned.',
    });
    setHandler(auditView, () => this.view(), { description: 'What it does, found and did so far.' });
  }

  async run(): Promise<AuditReport> {
    const first = await this.look('look');
    if (this.input.check) return this.end(this.complete ? 'planned' : 'incomplete');
    if (!first || first.findings.length === 0) return this.end(this.complete ? 'clean' : 'incomplete');
    const second = await this.lookAgain(first);
    if (!second) return this.end('incomplete');
    const { limits, dryRun } = this.input;
    this.plan = planRepairs(first, second, limits);
    if (dryRun) {
      this.note([...this.plan.removals, ...this.plan.mendings], 'planned');
      return this.end('planned');
    }
    this.enter('repairing');
    this.repairsUntil = Date.now() + limits.repairsMs;
    await this.each(this.plan.mendings, (mending) => this.mend(mending));
    const removals = await this.removalsAllowed(second, this.plan);
    if (!removals) return this.end('notApproved');
    await this.each(removals, (remains) => this.remove(remains));
    return this.end(this.outcome());
  }

  /** Undefined when there was no answer at all. */
  private async look(summary: string): Promise<AuditLook | undefined> {
    const { findingsMax } = this.input.limits;
    try {
      const look = await auditLooks.auditLook.executeWithOptions(
        { summary, priority: { priorityKey: priorities.reconcile } },
        [{ at: Date.now(), limits: { findingsMax }, ...(this.input.check ? { check: true } : {}) }],
      );
      this.counts = look.counts;
      this.last = look;
      this.complete &&= look.complete;
      for (const problem of look.problems) {
        if (!this.problems.some(({ where }) => where === problem.where)) this.problems.push(problem);
      }
      return look;
    } catch (error) {
      const { code, message, hint } = failureDetails(error);
      this.problems.push({ where: 'the look', code, message, hint });
      this.complete = false;
      return undefined;
    }
  }

  private async lookAgain(first: AuditLook): Promise<AuditLook | undefined> {
    const wait = confirmationMs(first, this.input.limits);
    this.enter('confirming', Date.now() + wait);
    await sleep(wait, { summary: `confirm ${first.findings.length} findings` });
    return await this.look('look again');
  }

  /** What may be deleted: within the cap all of it, beyond it what an operator approves. Undefined: nobody did. */
  private async removalsAllowed(second: AuditLook, plan: RepairPlan): Promise<Remains[] | undefined> {
    if (!plan.needsApproval) return plan.removals;
    const { limits } = this.input;
    log.warn('an audit wants to delete more than its cap', { agents: plan.removals.length, cap: plan.cap });
    this.enter('awaitingApproval', Date.now() + limits.approvalMs);
    const woken = await condition(() => this.approved, limits.approvalMs, {
      summary: `${plan.removals.length} deletions, more than ${plan.cap}: wait for an operator`,
    });
    if (!woken) {
      this.note(plan.removals, 'notApproved');
      return undefined;
    }
    this.enter('repairing');
    this.repairsUntil = Date.now() + limits.repairsMs;
    // What was planned may be long ago. Nothing is deleted that was not in what the operator approved.
    const third = await this.look('look again after the approval');
    const still = third ? planRepairs(second, third, limits).removals : [];
    const approved = new Set(plan.removals.map(({ owner }) => owner));
    return still.filter(({ owner }) => approved.has(owner));
  }

  /** Repairs in the given order, some at the same time; what cannot begin in time is left. */
  private async each<F extends Finding>(findings: readonly F[], repair: (finding: F) => Promise<AuditRepair>) {
    const waiting = [...findings];
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (Date.now() >= this.repairsUntil) this.note([next], 'left');
        else this.repairs.push(await repair(next));
        this.describe();
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
  }

  private async remove(remains: Remains): Promise<AuditRepair> {
    const summary = `remove what is left of ${remains.agent}: ${remains.kind}`;
    return await this.tried(remains, () =>
      auditRepairs.removeRemains.executeWithOptions({ summary, priority: { priorityKey: priorities.reconcile } }, [
        remains,
      ]),
    );
  }

  private async mend(mending: Mending): Promise<AuditRepair> {
    const options = {
      summary: `${mending.kind}: ${mending.subject}`.slice(0, 200),
      priority: { priorityKey: priorities.normal },
    };
    switch (mending.kind) {
      case 'workflowWithoutMachine':
        return await this.retire(mending, 'its machine is gone');
      case 'workflowWithoutRegistration':
        return await this.retire(mending, 'its registration is gone from Azure DevOps');
      case 'tagsAltered':
        return await this.tried(mending, () => auditRepairs.restoreTags.executeWithOptions(options, [mending]));
      case 'leaseWithoutJob':
        return await this.tried(mending, () => auditRepairs.tellLease.executeWithOptions(options, [mending]));
      case 'jobWithoutLease':
        return await this.tried(mending, () => auditRepairs.tellAgent.executeWithOptions(options, [mending]));
    }
  }

  private async retire(mending: WorkflowWithoutPart, reason: string): Promise<AuditRepair> {
    return await this.tried(mending, async () => ({
      outcome: (await retireAgent(mending.pool, mending.agent, reason)) ? 'done' : 'notNeeded',
    }));
  }

  private async tried(
    { kind, subject }: Finding,
    repair: () => Promise<Pick<AuditRepair, 'outcome' | 'message'>>,
  ): Promise<AuditRepair> {
    try {
      return { kind, subject, ...(await repair()) };
    } catch (error) {
      const { code, message } = failureDetails(error);
      log.error('an audit could not repair', { kind, subject, code });
      return { kind, subject, outcome: 'failed', message: `${code}: ${message}` };
    }
  }

  private note(findings: readonly Finding[], outcome: AuditRepair['outcome']): void {
    this.repairs.push(...findings.map(({ kind, subject }) => ({ kind, subject, outcome })));
  }

  private outcome(): AuditReport['outcome'] {
    if (!this.complete) return 'incomplete';
    if (this.repairs.length === 0) return 'clean';
    const settled: AuditRepair['outcome'][] = ['done', 'notNeeded'];
    return this.repairs.every(({ outcome }) => settled.includes(outcome)) ? 'repaired' : 'unfinished';
  }

  private approve(): { approved: number } {
    this.approved = true;
    return { approved: this.plan?.removals.length ?? 0 };
  }

  private refuseApproval(): void {
    if (this.phase === 'awaitingApproval' && !this.approved) return;
    throw ownFailure('NothingToApprove', 'This audit does not wait for an approval.');
  }

  private enter(phase: AuditPhase, until?: number): void {
    this.phase = phase;
    this.until = until;
    this.describe();
  }

  private end(outcome: AuditReport['outcome']): AuditReport {
    this.enter('done');
    return this.report(outcome);
  }

  private report(outcome: AuditReport['outcome']): AuditReport {
    const { omitted } = this.last ?? {};
    return {
      outcome,
      dryRun: this.input.dryRun === true || this.input.check === true,
      startedAt: this.startedAt,
      endedAt: Date.now(),
      counts: this.counts ?? nothing,
      repairs: this.repairs,
      omitted: (omitted?.deleting ?? 0) + (omitted?.mending ?? 0),
      ...(this.plan === undefined ? {} : { cap: this.plan.cap }),
      problems: this.problems,
      ...(this.last?.checks === undefined ? {} : { checks: this.last.checks }),
    };
  }

  private view(): AuditView {
    return {
      phase: this.phase,
      ...(this.until === undefined ? {} : { until: this.until }),
      report: this.report(this.outcome()),
      findings:
        this.phase === 'done' ? [] : (this.last?.findings ?? []).map(({ kind, subject }) => ({ kind, subject })),
    };
  }

  private describe(): void {
    const found = this.last?.findings ?? [];
    const deletions = found.filter(isRemains).length;
    const until = this.until === undefined ? 'none' : new Date(this.until).toISOString();
    setCurrentDetails(
      `| phase | next deadline | deletions found | other findings | repaired |\n|---|---|---|---|---|\n` +
        `| ${this.phase} | ${until} | ${deletions} | ${found.length - deletions} | ${this.repairs.length} |`,
    );
  }
}

const nothing: AuditCounts = {
  resources: 0,
  unrecognised: 0,
  agentPools: 0,
  registrations: 0,
  agents: 0,
  leases: 0,
  owners: 0,
};
