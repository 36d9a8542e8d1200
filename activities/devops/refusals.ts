/**
 * What the refusals of Azure DevOps mean. Some codes could not be confirmed on a live tenant; each is decided in one
 * function here, and every doubt errs on the side that kills no job.
 */

/** The parts of the client's errors that carry the server's answer. */
interface ServerError {
  statusCode?: number;
  code?: string;
  message?: string;
  result?: { typeKey?: string } | null;
  /** Set on the errors that `found` makes of the client's null. */
  evidence?: { status?: number };
}

function read(error: unknown): ServerError {
  return typeof error === 'object' && error !== null ? error : {};
}

function typeKey(error: unknown): string {
  return read(error).result?.typeKey ?? '';
}

/**
 * The server refused to delete an agent because a job runs on it. Any conflict counts: taking another refusal for a
 * running job only keeps the agent for another turn, the reverse would end a job.
 */
export function isJobRunning(error: unknown): boolean {
  return typeKey(error) === 'TaskAgentJobStillRunningException' || read(error).statusCode === 409;
}

/** Another agent of this name is registered in the pool. */
export function isAgentNameTaken(error: unknown): boolean {
  return typeKey(error) === 'TaskAgentExistsException' || read(error).statusCode === 409;
}

/** Another agent pool, or queue, of this name exists: somebody was faster. */
export function isNameTaken(error: unknown): boolean {
  return /^TaskAgent(Pool|Queue)ExistsException$/.test(typeKey(error)) || read(error).statusCode === 409;
}

/** A build that has ended takes no other status. */
export function isStatusRefused(error: unknown): boolean {
  const { statusCode } = read(error);
  return statusCode === 400 || statusCode === 409;
}

/** A stage that runs, or that was run again, takes no retry. To confirm on a live tenant: 400 or 409. */
export function isStageKept(error: unknown): boolean {
  const { statusCode } = read(error);
  return statusCode === 400 || statusCode === 409;
}

/** Not who we are, as opposed to what we may: 401, or a redirect to the sign-in page. */
export function isUnauthenticated(error: unknown): boolean {
  const { statusCode } = read(error);
  return statusCode === 401 || statusCode === 302 || statusCode === 203;
}

/** The server knows who we are, and refuses. */
export function isForbidden(error: unknown): boolean {
  return read(error).statusCode === 403;
}

/** There is no server under this name, or none that listens. */
export function isUnreachable(error: unknown): boolean {
  return ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ERR_INVALID_URL'].includes(read(error).code ?? '');
}

/** The server does not know what was asked for. */
export function isNotFound(error: unknown): boolean {
  const { statusCode, evidence } = read(error);
  return statusCode === 404 || evidence?.status === 404;
}

/** Answers `otherwise` instead of throwing a refusal that `expected` recognises. */
export async function unless<T, U>(
  expected: (error: unknown) => boolean,
  call: () => Promise<T>,
  otherwise: U,
): Promise<T | U> {
  try {
    return await call();
  } catch (error) {
    if (expected(error)) return otherwise;
    throw error;
  }
}
