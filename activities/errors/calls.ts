import type { OutsideService } from './outside-error.ts';

/** A call as failures name it (`FailureDetails.call`), with who answers it and what it is for. */
interface Call {
  service: OutsideService;
  what: string;
}

/** Every name under which a failed call is told. */
export const calls = {
  'virtualMachines.createOrUpdate': { service: 'Azure', what: 'create a machine and wait for it' },
  'virtualMachines.get': { service: 'Azure', what: 'look for a machine by its name' },
  'virtualMachines.delete': { service: 'Azure', what: 'delete a machine and wait for it' },
  'virtualMachines.listAll': { service: 'Azure', what: 'look for the machines of silent agents; told in the log only' },
  'virtualMachines.deallocate': { service: 'Azure', what: 'park a machine and wait for it' },
  'virtualMachines.start': { service: 'Azure', what: 'wake a parked machine and wait for it' },
  'resources.list': { service: 'Azure', what: 'list what carries our tags' },
  'resources.get': { service: 'Azure', what: 'look at one resource' },
  'resources.delete': { service: 'Azure', what: 'delete a part that a machine left behind' },
  'resourceSkus.list': { service: 'Azure', what: 'list the sizes of a region' },
  'tags.updateAtScope': { service: 'Azure', what: 'write our tags back' },
  checkMachine: { service: 'Azure', what: 'check image, size, group and subnet of a document' },
  Agents_Add: { service: 'Azure DevOps', what: 'register an agent' },
  Agents_List: { service: 'Azure DevOps', what: 'find a registration, or list them' },
  Agents_Update: { service: 'Azure DevOps', what: 'disable or enable an agent, and ask for its job' },
  Agents_Delete: { service: 'Azure DevOps', what: 'disable and deregister an agent' },
  Builds_Cancel: { service: 'Azure DevOps', what: 'cancel a build' },
  Builds_Tag: { service: 'Azure DevOps', what: 'write on a build that its job ends soon, or was lost' },
  Stages_Retry: { service: 'Azure DevOps', what: 'run the stage of a lost job again' },
  Organization_Check: { service: 'Azure DevOps', what: 'check organisation and projects of a document' },
  Organization_Observe: { service: 'Azure DevOps', what: 'observe an organisation' },
  Pool_Observe: { service: 'Azure DevOps', what: 'look at one agent pool; told in the log only' },
  Pools_List: { service: 'Azure DevOps', what: 'list our agent pools' },
  Pools_Prepare: { service: 'Azure DevOps', what: 'make agent pool, queues and placeholders' },
  Pools_Remove: { service: 'Azure DevOps', what: 'remove placeholders, queues and agent pool' },
  Organization_Watch: { service: 'Temporal', what: 'tell an organisation’s workflow to observe a pool' },
  Organization_Unwatch: { service: 'Temporal', what: 'tell it to observe a pool no longer' },
  Agents_ListOpen: { service: 'Temporal', what: 'list the open agents of a pool' },
  Workflows_List: { service: 'Temporal', what: 'list open workflows' },
  Workflow_Query: { service: 'Temporal', what: 'ask a workflow for its view' },
  Audit_Look: { service: 'Temporal', what: 'one look of the auditor' },
  Audit_Remove: { service: 'Temporal', what: 'remove what nobody owns' },
  Audit_RestoreTags: { service: 'Temporal', what: 'write tags back to what an open agent owns' },
  Audit_TellLease: { service: 'Temporal', what: 'tell a lease how its job ended' },
  Audit_TellAgent: { service: 'Temporal', what: 'tell an agent of its job' },
} as const satisfies Record<string, Call>;

export type CallName = keyof typeof calls;
