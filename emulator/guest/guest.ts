import type { CloudContext, Guest, Handler } from '../core/context.ts';

/** Makes what runs inside machines: cloud-init and the Azure Pipelines agent, a client of `azureDevOps`. */
export function createGuest(_context: CloudContext, _azureDevOps: Handler): Guest {
  return { boot: () => {}, stop: () => {} };
}
