import { documentsOf, lastDocuments, servedBy } from './last-documents.ts';
import { quietMs } from './limits.ts';
import type { Schedule } from './schedule.ts';

/** More than this is planted only where the auditor may ask an operator, which no simulated run answers. */
const orphansMax = 3;

/** At scale 1: nine of ten machines have their agent within this time, and every machine is created within that. */
const leastConnectMs = 40_000;
const leastProvisionMs = 180_000;

/**
 * Why a run of this schedule could fail although the product is right; empty where it could not. A generated schedule
 * is fair. A shrunk one must stay so, else it fails for another reason than the one that was looked for.
 */
export function unfairness(schedule: Schedule): string[] {
  const { chaosMs, endMs, faults, disturbances, jobs, pools } = schedule;
  const reasons: string[] = [];
  const names = new Set(pools.map(({ name }) => name));
  if (pools.length === 0) reasons.push('there is no pool');

  for (const { fault, until } of faults) {
    const diesMs = fault.effect.kind === 'agentDies' ? fault.effect.afterMs : 0;
    if (until + diesMs > chaosMs) reasons.push(`a fault (${fault.effect.kind}) strikes in the quiet window`);
  }
  for (const disturbance of disturbances) {
    const lasts = 'forMs' in disturbance ? disturbance.forMs : 'downMs' in disturbance ? disturbance.downMs : 0;
    if (disturbance.at + lasts > chaosMs)
      reasons.push(`a disturbance (${disturbance.kind}) lasts into the quiet window`);
  }
  const orphans = disturbances.filter(({ kind }) => kind === 'plantOrphan').length;
  if (orphans > orphansMax)
    reasons.push(`${orphans} things without an owner are planted, at most ${orphansMax} may be`);

  for (const { pool } of jobs) if (!names.has(pool)) reasons.push(`a job is for the pool ${pool}, which is not there`);
  for (const { name } of pools) {
    const last = lastDocuments(schedule, name);
    if (last === undefined) continue;
    for (const { image, at } of jobs.filter(({ pool }) => pool === name)) {
      const served = image === undefined || last.every((document) => servedBy(document, image));
      const neverServed = image !== undefined && !documentsOf(schedule, name).some((one) => servedBy(one, image));
      // Azure DevOps refuses a job at once that no registered agent ever could take.
      if (!served && !neverServed) reasons.push(`the job at ${at} may be left without its image ${image}`);
    }
  }
  const { agent } = schedule.limits;
  if (agent.connectMs < leastConnectMs * schedule.cloudScale) reasons.push('no agent connects within connectMs');
  if (agent.provisionMs < leastProvisionMs * schedule.cloudScale) reasons.push('no create ends within provisionMs');
  const quiet = quietMs(schedule);
  if (endMs - chaosMs < quiet) reasons.push(`the quiet window has ${endMs - chaosMs} ms, and may need ${quiet} ms`);
  return reasons;
}
