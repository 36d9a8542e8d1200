/** The parts of a `PipelineAgentJobRequest` that the agent uses. */
export interface JobMessage {
  requestId: number;
  lockToken: string;
  jobId: string;
  planId: string;
  timelineId: string;
  scopeIdentifier: string;
  planType: string;
  /** Address of the organisation, with a trailing slash. */
  url: string;
  token: string;
  durationMs: number;
  /** What the workload comes to, such as `succeeded`. */
  result: string;
  /** A shell script, in place of a workload. */
  script?: string;
  variables: Record<string, string>;
}

/** Reads the body of a job message. Throws where the agent could do nothing with it. */
export function readJobMessage(body: string): JobMessage {
  const message = objectOf(JSON.parse(body));
  const plan = objectOf(message['plan']);
  const [endpoint] = listOf(objectOf(message['resources'])['endpoints']);
  const connection = objectOf(endpoint);
  const parameters = objectOf(objectOf(connection['authorization'])['parameters']);
  const inputs = objectOf(objectOf(listOf(message['steps'])[0])['inputs']);
  return {
    requestId: Number(message['requestId']),
    lockToken: String(message['lockToken']),
    jobId: String(message['jobId']),
    planId: String(plan['planId']),
    timelineId: String(objectOf(message['timeline'])['id']),
    scopeIdentifier: String(plan['scopeIdentifier']),
    planType: String(plan['planType']),
    url: String(connection['url']),
    token: String(parameters['AccessToken']),
    durationMs: Number(inputs['durationMilliseconds'] ?? 0),
    result: textOf(inputs['result'], 'succeeded'),
    ...(typeof inputs['script'] === 'string' && { script: inputs['script'] }),
    variables: Object.fromEntries(
      Object.entries(objectOf(message['variables'])).map(([name, variable]) => [
        name,
        textOf(objectOf(variable)['value']),
      ]),
    ),
  };
}

function textOf(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}

/** A JSON object, or an empty one. */
export function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
