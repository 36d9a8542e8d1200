/**
 * Open DevOps Pools for programs:
 *
 *     await using odp = await connect({ address: 'localhost:7233' });
 *     await odp.pools.apply(document);
 */
export { connect, type ConnectOptions, type OpenDevOpsPools } from './connect.ts';
export { OdpError, asOdpError, type OdpErrorDetail, type OdpErrorOptions } from './error.ts';
export type { PoolDetails, PoolExplanation, PoolSummary, Pools, VerbOptions } from './pools.ts';
export type { AgentSummary, Agents } from './agents.ts';
export type { AuditDetails, AuditSummary, Audits } from './audits.ts';
export { examine, type Health, type HealthCheck, type HealthOptions } from './health.ts';
export type { JobDetails, JobSummary, Jobs } from './jobs.ts';
export type { AgentView, LeaseOutcome, PoolView, WaitReceipt } from '../../domain/messages.ts';
export type { AuditRepair, AuditReport, AuditView } from '../../domain/audit/report.ts';
export type { DrainAnswer, DrainRequest, DrainView } from '../../domain/verbs/drain.ts';
export type { PurgeAnswer, PurgeRequest } from '../../domain/verbs/purge.ts';
export type { ApplyResult } from '../../workflows/messages.ts';
