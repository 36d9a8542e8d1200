/** The body of every refusal. Source: "Common API response", Azure Resource Manager RPC. */
export interface ArmErrorBody {
  code: string;
  message: string;
  target?: string;
  details?: unknown[];
}

/** A refusal in the shape of Azure Resource Manager. Thrown by handlers before they have changed anything. */
export class ArmError extends Error {
  override readonly name = 'ArmError';
  readonly status: number;
  readonly body: ArmErrorBody;
  readonly headers: Record<string, string>;

  constructor(status: number, body: ArmErrorBody, headers: Record<string, string> = {}) {
    super(`${body.code}: ${body.message}`);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** 400 `InvalidParameter`, the answer of Microsoft.Compute to most bad bodies. */
export function invalidParameter(target: string, message: string): ArmError {
  return new ArmError(400, { code: 'InvalidParameter', message, target });
}

/** 404 for a resource that is not there. */
export function resourceNotFound(type: string, name: string, resourceGroup: string): ArmError {
  return new ArmError(404, {
    code: 'ResourceNotFound',
    message: `The Resource '${type}/${name}' under resource group '${resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  });
}

/** 404 for a resource group that is not there. */
export function resourceGroupNotFound(name: string): ArmError {
  return new ArmError(404, {
    code: 'ResourceGroupNotFound',
    message: `Resource group '${name}' could not be found.`,
  });
}

/** 409 `OperationNotAllowed`: what Microsoft.Compute answers to quota, state and policy conflicts alike. */
export function operationNotAllowed(message: string, target?: string): ArmError {
  return new ArmError(409, { code: 'OperationNotAllowed', message, ...(target === undefined ? {} : { target }) });
}

/** 400 for a reference to something that is not there. */
export function invalidResourceReference(referenced: string, by: string): ArmError {
  return new ArmError(400, {
    code: 'InvalidResourceReference',
    message: `Resource ${referenced} referenced by resource ${by} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
    details: [],
  });
}
