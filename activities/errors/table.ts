import { devopsRows } from './azure-devops-rows.ts';
import { azureRows } from './azure-rows.ts';
import { engineRows } from './engine-rows.ts';
import { entraRows } from './entra-rows.ts';
import { networkRows } from './network-rows.ts';
import type { OutsideService } from './outside-error.ts';
import type { ErrorRow, ServiceRow } from './row.ts';

const of = (service: OutsideService, rows: readonly ServiceRow[]): ErrorRow[] =>
  rows.map((row) => ({ service, ...row }));

/**
 * Every refusal that is known, in the order in which it is searched: the first row of the service that matches decides.
 * Each service ends with a row that matches whatever is left.
 */
export const errorTable: readonly ErrorRow[] = [
  ...of('Azure', azureRows),
  ...of('Microsoft Entra ID', entraRows),
  ...of('Azure DevOps', devopsRows),
  ...of('Temporal', engineRows),
  ...of('network', networkRows),
];
