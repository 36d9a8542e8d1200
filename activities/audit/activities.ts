import { classified } from '../errors.ts';
import { withProgress } from '../azure/heartbeat.ts';
import type { AuditActivities } from '../interfaces.ts';
import { look } from './look.ts';
import { removeRemains, restoreTags, tellAgent, tellLease, type RepairOptions } from './repair.ts';

/** The activities of the auditor. */
export function createAuditActivities(options: RepairOptions): AuditActivities {
  return {
    auditLook: (input) =>
      classified('Audit_Look', () =>
        withProgress((_progress, signal, attempt) => look(options, input, { signal, attempt })),
      ),
    removeRemains: (remains) => classified('Audit_Remove', () => removeRemains(options, remains)),
    restoreTags: (altered) => classified('Audit_RestoreTags', () => restoreTags(options, altered)),
    tellLease: (lease) => classified('Audit_TellLease', () => withProgress(() => tellLease(options, lease))),
    tellAgent: (job) => classified('Audit_TellAgent', () => withProgress(() => tellAgent(options, job))),
  };
}
