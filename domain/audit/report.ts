import type { AuditLimits } from '../limits.ts';
import type { InvariantCheck } from './account.ts';
import type { AuditCounts, Comparison } from './compare.ts';
import type { Finding, FindingKind } from './finding.ts';

/** Input of the `audit` workflow. */
export interface AuditInput {
  limits: AuditLimits;
  /** Looks and plans, and changes nothing. */
  dryRun?: boolean;
  /** Looks once, checks the invariants that one look can see, and ends. */
  check?: boolean;
}

/** Why a list could not be had. */
export interface AuditProblem {
  /** Such as `Azure subscription …` or `agent pool 4 of https://…`. */
  where: string;
  code: string;
  message: string;
  hint: string;
}

/** What one look answers. */
export interface AuditLook extends Comparison {
  /** The first of them; bounded. */
  problems: AuditProblem[];
  /** When they were asked for. */
  checks?: InvariantCheck[];
}

/** What came of one repair. */
export interface AuditRepair {
  kind: FindingKind;
  subject: string;
  /**
   * `done`: it was put right. `notNeeded`: it had become right by itself, or its owner is open after all. `busy`: the
   * server holds a job for the agent, so nothing was touched. `unproven`: nobody can tell any more whether a job runs
   * there, or whose it is, so nothing was touched. `failed`, with why. `left`: the time for repairs was over.
   */
  outcome: 'planned' | 'done' | 'notNeeded' | 'busy' | 'unproven' | 'failed' | 'left' | 'notApproved';
  message?: string;
}

/** What an audit does now. */
export type AuditPhase = 'looking' | 'confirming' | 'repairing' | 'awaitingApproval' | 'done';

/** How an audit ended, and everything that it did. Its size is bounded by `findingsMax`. */
export interface AuditReport {
  /**
   * `clean`: nothing to do, or nothing that two looks agree on. `repaired`: everything that was found is settled. `unfinished`: some of it is not, the next
   * audit takes it up. `incomplete`: a list had a gap, so nothing was deleted. `notApproved`: more would have been deleted
   * than the cap allows, and nobody approved. `planned`: a dry run.
   */
  outcome: 'clean' | 'repaired' | 'unfinished' | 'incomplete' | 'notApproved' | 'planned';
  dryRun: boolean;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt: number;
  counts: AuditCounts;
  repairs: AuditRepair[];
  /** Findings beyond the bound of one look. */
  omitted: number;
  /** Agents' remains that may be deleted without asking. */
  cap?: number;
  problems: AuditProblem[];
  checks?: InvariantCheck[];
}

/** What an audit tells when asked. */
export interface AuditView {
  phase: AuditPhase;
  /** Until when it waits for an operator, or for its next look; milliseconds since the epoch. */
  until?: number;
  report: AuditReport;
  /** What the last look found, while there is something to do about it. */
  findings: Pick<Finding, 'kind' | 'subject'>[];
}
