/**
 * Every refusal of the embedded Azure DevOps: its status, its type key and its words. What is not confirmed on a live
 * organisation is marked so here and in docs/embedded-cloud-azure-devops.md, and changes in this file alone.
 */

const distributedTask = 'Microsoft.TeamFoundation.DistributedTask.WebApi';
const server = 'Microsoft.TeamFoundation.Framework.Server';
const build = 'Microsoft.TeamFoundation.Build.WebApi';
const services = 'Microsoft.VisualStudio.Services';

const kinds = {
  UnauthorizedRequestException: [401, server],
  AccessDeniedException: [403, server],
  ServiceHostDoesNotExistException: [404, server],
  ProjectDoesNotExistWithNameException: [404, 'Microsoft.TeamFoundation.Core.WebApi'],
  VssPropertyValidationException: [400, `${services}.Common`],
  VssVersionOutOfRangeException: [400, `${services}.WebApi`],
  RequestBlockedException: [429, server],
  NotEmulated: [501, 'Emulator'],
  TaskAgentPoolNotFoundException: [404, distributedTask],
  TaskAgentPoolExistsException: [409, distributedTask],
  TaskAgentQueueNotFoundException: [404, distributedTask],
  TaskAgentQueueExistsException: [409, distributedTask],
  TaskAgentNotFoundException: [404, distributedTask],
  TaskAgentExistsException: [409, distributedTask],
  /** Not confirmed: 409 is as plausible. */
  TaskAgentJobStillRunningException: [400, distributedTask],
  TaskAgentSessionConflictException: [409, distributedTask],
  /** Not confirmed: 404 is as plausible. */
  TaskAgentSessionExpiredException: [400, distributedTask],
  TaskAgentJobNotFoundException: [404, distributedTask],
  /** Not confirmed: 409 is as plausible. */
  TaskAgentJobTokenExpiredException: [400, distributedTask],
  TaskOrchestrationPlanNotFoundException: [404, distributedTask],
  TaskOrchestrationPlanLogNotFoundException: [404, distributedTask],
  BuildRequestValidationFailedException: [400, build],
  BuildNotFoundException: [404, build],
  DefinitionNotFoundException: [404, build],
  StageNotFoundException: [404, build],
  /** Not confirmed: the type key, and whether it is 400 or 409. */
  StageRetryNotAllowedException: [409, build],
  QueueNotFoundException: [404, build],
} as const satisfies Record<string, readonly [number, string]>;

/** Type keys of the refusals. */
export type RefusalKey = keyof typeof kinds;

/** Thrown by an operation: becomes an answer in the shape of Azure DevOps' own errors. */
export class Refusal extends Error {
  readonly status: number;
  readonly typeKey: string;
  readonly body: Record<string, unknown>;
  constructor(key: RefusalKey, message: string, extra: Record<string, unknown> = {}) {
    super(message);
    const [status, assembly] = kinds[key];
    this.status = status;
    this.typeKey = key;
    this.body = { ...errorBody(key, message, assembly), ...extra };
  }
}

/** The body of an error answer. */
export function errorBody(typeKey: string, message: string, assembly: string = server): Record<string, unknown> {
  return {
    $id: '1',
    innerException: null,
    message,
    typeName: `${assembly}.${typeKey}, ${assembly}`,
    typeKey,
    errorCode: 0,
    eventId: 3000,
  };
}
