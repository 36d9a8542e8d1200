import type { SurfacedErrorCode } from '../../domain/error-catalogue.ts';
import type { CallName } from './calls.ts';

/** The ways in which a call can be refused, or not be answered, that lead to different ends. */
export const refusals = [
  'throttled',
  'quota',
  'capacity',
  'configuration',
  'credential',
  'permission',
  'notFound',
  'lost',
  'conflict',
  'transient',
] as const;

export type Refusal = (typeof refusals)[number];

/** An end other than that of the error table. */
export interface Handling {
  /** `succeeds`, or the code with which the activity fails; that of the error table when absent. */
  end?: 'succeeds' | SurfacedErrorCode;
  why: string;
}

/** One place from which one operation of an outside API is called. */
export interface CallSite {
  activity: string;
  call: CallName;
  /** As the API's own specification names it. */
  operation: string;
  /** Not a first attempt, but one that finds what an earlier one left. */
  retry?: true;
  /** Refusals that do not simply fail the activity as the error table says. */
  handled?: Partial<Record<Refusal, Handling>>;
}

const absent = (why: string): { notFound: Handling } => ({ notFound: { end: 'succeeds', why } });

/** What a document asks for and Azure does not show is a violation of the document. */
const violation = {
  configuration: { end: 'InvalidPool', why: 'the address can name nothing' },
  permission: { end: 'InvalidPool', why: 'what this identity may not read is as good as absent' },
  notFound: { end: 'InvalidPool', why: 'the document names something that does not exist' },
} as const satisfies CallSite['handled'];

const logged: Handling = { end: 'succeeds', why: 'logged; the agent pool is looked at again after a back-off' };
const observed = {
  throttled: { end: 'succeeds', why: 'the whole organisation is left alone as long as the server says' },
  configuration: logged,
  permission: logged,
  notFound: logged,
  lost: logged,
  conflict: logged,
  transient: logged,
} as const satisfies CallSite['handled'];

const azureSites: readonly CallSite[] = [
  {
    activity: 'provisionAgent',
    call: 'virtualMachines.createOrUpdate',
    operation: 'VirtualMachines_CreateOrUpdate',
    handled: {
      lost: { end: 'succeeds', why: 'the machine is looked for by name, and adopted when it carries our tags' },
      conflict: { why: 'the machine is looked for by name first: our own is adopted, another’s is `ForeignMachine`' },
    },
  },
  {
    activity: 'provisionAgent',
    call: 'virtualMachines.createOrUpdate',
    operation: 'Operations_Get',
    handled: { notFound: { why: 'the next attempt judges by the machine itself' } },
  },
  {
    activity: 'provisionAgent',
    call: 'virtualMachines.get',
    operation: 'VirtualMachines_Get',
    retry: true,
    handled: absent('there is no machine yet: it is created'),
  },
  {
    activity: 'returnAgent',
    call: 'virtualMachines.get',
    operation: 'VirtualMachines_Get',
    handled: absent('the machine is gone; what is left is found by its tags'),
  },
  {
    activity: 'returnAgent',
    call: 'virtualMachines.delete',
    operation: 'VirtualMachines_Delete',
    handled: absent('somebody else deleted it'),
  },
  {
    activity: 'returnAgent',
    call: 'virtualMachines.delete',
    operation: 'Operations_Get',
    handled: absent('the machine itself tells whether it is gone'),
  },
  {
    activity: 'returnAgent',
    call: 'resources.list',
    operation: 'Resources_List',
    handled: { notFound: { why: 'a list that cannot be had proves nothing: the agent stays until it can' } },
  },
  {
    activity: 'returnAgent',
    call: 'resources.get',
    operation: 'NetworkInterfaces_Get',
    handled: absent('the list was old; it is gone'),
  },
  {
    activity: 'returnAgent',
    call: 'resources.delete',
    operation: 'NetworkInterfaces_Delete',
    handled: absent('somebody else deleted it'),
  },
  { activity: 'checkMachine', call: 'resources.get', operation: 'ResourceGroups_Get', handled: violation },
  { activity: 'checkMachine', call: 'resources.get', operation: 'VirtualMachineImages_List', handled: violation },
  { activity: 'checkMachine', call: 'resources.get', operation: 'Subnets_Get', handled: violation },
  { activity: 'checkMachine', call: 'resourceSkus.list', operation: 'ResourceSkus_List' },
];

const devopsSites: readonly CallSite[] = [
  {
    activity: 'provisionAgent',
    call: 'Agents_Add',
    operation: 'Agents_Add',
    handled: { conflict: { why: 'the registration of that name is replaced; tried three times when there is none' } },
  },
  {
    activity: 'provisionAgent',
    call: 'Agents_Add',
    operation: 'Agents_Replace',
    retry: true,
    handled: absent('it went in between: it is added'),
  },
  {
    activity: 'provisionAgent',
    call: 'Agents_Add',
    operation: 'Pools_Get',
    handled: absent('only the agent pool’s name is asked for, which agents show and do not need'),
  },
  {
    activity: 'provisionAgent',
    call: 'Agents_List',
    operation: 'Agents_List',
    retry: true,
    handled: { notFound: { end: 'RegistrationLost', why: 'an agent pool that is gone has no registration' } },
  },
  {
    activity: 'returnAgent',
    call: 'Agents_Delete',
    operation: 'Agents_List',
    handled: absent('an agent pool that is gone has no registration'),
  },
  {
    activity: 'returnAgent',
    call: 'Agents_Delete',
    operation: 'Agents_Get',
    handled: absent('the registration is looked for by its name'),
  },
  {
    activity: 'returnAgent',
    call: 'Agents_Delete',
    operation: 'Agents_Update',
    handled: absent('the registration is gone'),
  },
  {
    activity: 'returnAgent',
    call: 'Agents_Delete',
    operation: 'Agents_Delete',
    handled: {
      ...absent('the registration is gone'),
      conflict: { end: 'succeeds', why: 'a job runs on it: `busy`, nothing is deleted, the agent goes on serving' },
    },
  },
  {
    activity: 'checkOrganization',
    call: 'Organization_Check',
    operation: 'Projects_List',
    handled: {
      credential: { end: 'InvalidPool', why: 'the organisation refuses the credential that the installation names' },
      permission: { end: 'InvalidPool', why: 'the identity may not list projects' },
      notFound: { end: 'InvalidPool', why: 'there is no such organisation' },
    },
  },
  {
    activity: 'checkOrganization',
    call: 'Organization_Check',
    operation: 'Pools_List',
    handled: {
      credential: { end: 'InvalidPool', why: 'the organisation refuses the credential that the installation names' },
      permission: { end: 'InvalidPool', why: 'the identity may not list agent pools' },
      ...absent('the name is free'),
    },
  },
  {
    activity: 'prepareAgentPool',
    call: 'Pools_Prepare',
    operation: 'Pools_List',
    handled: absent('the name is free: the agent pool is made'),
  },
  {
    activity: 'prepareAgentPool',
    call: 'Pools_Prepare',
    operation: 'Pools_Add',
    handled: {
      conflict: { end: 'AgentPoolNotListed', why: 'the one that is there is taken if it is ours, or not listed yet' },
    },
  },
  {
    activity: 'prepareAgentPool',
    call: 'Pools_Prepare',
    operation: 'Pools_Update',
    retry: true,
    handled: absent('the next step tells'),
  },
  { activity: 'prepareAgentPool', call: 'Pools_Prepare', operation: 'Projects_List' },
  {
    activity: 'prepareAgentPool',
    call: 'Pools_Prepare',
    operation: 'Queues_List',
    handled: absent('the project has no queue: it is made'),
  },
  {
    activity: 'prepareAgentPool',
    call: 'Pools_Prepare',
    operation: 'Queues_Add',
    handled: { conflict: { end: 'QueueNameTaken', why: 'the one that is there is taken if it is of our agent pool' } },
  },
  {
    activity: 'prepareAgentPool',
    call: 'Pools_Prepare',
    operation: 'PipelinePermissions_Get',
    handled: absent('nothing is granted yet: it is written'),
  },
  { activity: 'prepareAgentPool', call: 'Pools_Prepare', operation: 'PipelinePermissions_Update', retry: true },
  {
    activity: 'prepareAgentPool',
    call: 'Pools_Prepare',
    operation: 'Agents_List',
    handled: absent('no placeholder is there: all are made'),
  },
  {
    activity: 'prepareAgentPool',
    call: 'Pools_Prepare',
    operation: 'Agents_Add',
    handled: { conflict: { why: 'the placeholder of that name is replaced; tried three times when there is none' } },
  },
  {
    activity: 'prepareAgentPool',
    call: 'Pools_Prepare',
    operation: 'Agents_Delete',
    retry: true,
    handled: {
      ...absent('the placeholder is gone'),
      conflict: { end: 'succeeds', why: 'a placeholder that stays harms nobody' },
    },
  },
  {
    activity: 'removeAgentPool',
    call: 'Pools_Remove',
    operation: 'Pools_List',
    handled: absent('there is no agent pool'),
  },
  {
    activity: 'removeAgentPool',
    call: 'Pools_Remove',
    operation: 'Agents_List',
    handled: absent('nothing is registered'),
  },
  {
    activity: 'removeAgentPool',
    call: 'Pools_Remove',
    operation: 'Agents_Delete',
    handled: {
      ...absent('the registration is gone'),
      conflict: { end: 'AgentPoolBusy', why: 'a job still runs there: the agent pool stays until it has ended' },
    },
  },
  { activity: 'removeAgentPool', call: 'Pools_Remove', operation: 'Projects_List' },
  { activity: 'removeAgentPool', call: 'Pools_Remove', operation: 'Queues_List', handled: absent('no queue is left') },
  {
    activity: 'removeAgentPool',
    call: 'Pools_Remove',
    operation: 'Queues_Delete',
    handled: absent('the queue is gone'),
  },
  {
    activity: 'removeAgentPool',
    call: 'Pools_Remove',
    operation: 'Pools_Delete',
    handled: absent('the agent pool is gone'),
  },
  {
    activity: 'disableAgent',
    call: 'Agents_Update',
    operation: 'Agents_Update',
    handled: absent('the registration is gone'),
  },
  {
    activity: 'cancelBuild',
    call: 'Builds_Cancel',
    operation: 'Builds_Update',
    handled: {
      ...absent('the build is gone'),
      configuration: { why: 'succeeds when the build has ended' },
      conflict: { why: 'succeeds when the build has ended' },
    },
  },
  { activity: 'tagBuild', call: 'Builds_Tag', operation: 'BuildTags_Add', handled: absent('the build is gone') },
  {
    activity: 'retryStage',
    call: 'Stages_Retry',
    operation: 'Timeline_Get',
    handled: absent('the build is gone'),
  },
  {
    activity: 'retryStage',
    call: 'Stages_Retry',
    operation: 'Stages_Update',
    handled: {
      ...absent('the build is gone'),
      configuration: { end: 'succeeds', why: 'the stage still runs: asked again later' },
      conflict: { end: 'succeeds', why: 'the stage still runs: asked again later' },
    },
  },
  {
    activity: 'observeOrganization',
    call: 'Organization_Observe',
    operation: 'Agents_List',
    handled: observed,
  },
  {
    activity: 'observeOrganization',
    call: 'Organization_Observe',
    operation: 'JobRequests_List',
    handled: observed,
  },
];

const engineSites: readonly CallSite[] = [
  { activity: 'watchPool', call: 'Organization_Watch', operation: 'SignalWithStartWorkflowExecution' },
  {
    activity: 'unwatchPool',
    call: 'Organization_Unwatch',
    operation: 'SignalWorkflowExecution',
    handled: absent('nobody observes the organisation any more'),
  },
  { activity: 'listOpenAgents', call: 'Agents_ListOpen', operation: 'ListWorkflowExecutions' },
];

/** Every place from which agents, pools and organisations are served, and what comes of each refusal there. */
export const callSites: readonly CallSite[] = [...azureSites, ...devopsSites, ...engineSites];
