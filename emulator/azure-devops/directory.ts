import { collection, type Answer, type Call, type Operation } from './operation.ts';
import { agentTokenSeconds, checkAssertion, signToken } from './tokens.ts';
import { projectWire } from './wire.ts';
import { requestGroup } from './organization.ts';

const packages = '/_apis/distributedtask/packages/:type';

/** What belongs to the organisation as a whole. */
export const directoryOperations: Operation[] = [
  {
    name: 'Projects_List',
    method: 'GET',
    paths: ['/_apis/projects'],
    run(call) {
      const skip = Number(call.query.get('$skip') ?? 0);
      const all = [...call.organization.projects.values()].map((project) => projectWire(call.baseUrl, project));
      return collection(all.slice(skip, skip + Number(call.query.get('$top') ?? 100)));
    },
  },
  {
    name: 'Projects_Get',
    method: 'GET',
    paths: ['/_apis/projects/:project'],
    run(call) {
      const project = call.organization.project(call.parameters['project']);
      return { json: projectWire(call.baseUrl, project) };
    },
  },
  {
    name: 'Packages_List',
    method: 'GET',
    paths: [packages, `${packages}/:platform`, `${packages}/:platform/:version`],
    forAgents: true,
    run: listPackages,
  },
  { name: 'ResourceLimits_List', method: 'GET', paths: ['/_apis/distributedtask/resourcelimits'], run: limits },
  { name: 'Tokens_Issue', method: 'POST', paths: ['/_apis/oauth2/token'], anonymous: true, run: issueToken },
];

/** The agent's version that the emulated machines run. */
export const agentVersion = '4.260.0';

const platforms = ['linux-x64', 'linux-arm64', 'osx-arm64', 'win-x64'];

function listPackages({ parameters, baseUrl, context }: Call): Answer {
  const [major, minor, patch] = agentVersion.split('.').map(Number);
  const found = platforms
    .filter((platform) => parameters['platform'] === undefined || parameters['platform'] === platform)
    .map((platform) => {
      const filename = `vsts-agent-${platform}-${agentVersion}.${platform.startsWith('win') ? 'zip' : 'tar.gz'}`;
      return {
        type: 'agent',
        platform,
        createdOn: new Date(context.clock.now()).toISOString(),
        version: { major, minor, patch },
        filename,
        downloadUrl: `${baseUrl}/_packages/agent/${agentVersion}/${filename}`,
      };
    });
  if (parameters['type'] !== 'agent') return collection([]);
  return parameters['version'] === undefined ? collection(found) : { json: found[0] ?? null };
}

function limits(call: Call): Answer {
  const { organization, parallelism } = call;
  let running = 0;
  for (const { id } of organization.pools.values()) {
    running += organization.requests.inGroup(requestGroup(id, 'running')).length;
  }
  const totalCount = Number.isFinite(parallelism) ? parallelism : undefined;
  return collection([
    {
      hostId: organization.record.id,
      isHosted: false,
      parallelismTag: 'Private',
      failedToReachAllProviders: false,
      resourceLimitsData: { SelfHostedUsedCount: String(running) },
      ...(totalCount !== undefined && { totalCount }),
    },
  ]);
}

/** RFC 6749 and RFC 7523: the agent proves by its private key that it is the registration. */
function issueToken(call: Call): Answer {
  const form = new URLSearchParams(call.text);
  const refused = (error: string, description: string): Answer => ({
    status: 400,
    json: { error, error_description: description },
  });
  if (form.get('grant_type') !== 'client_credentials') {
    return refused('unsupported_grant_type', 'The grant must be client_credentials.');
  }
  if (form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') {
    return refused('invalid_request', 'The client must prove itself with a JWT bearer assertion.');
  }
  const { organization, context } = call;
  const now = context.clock.now();
  const path = `/${organization.record.name.toLowerCase()}/_apis/oauth2/token`;
  const checked = checkAssertion(organization, form.get('client_assertion') ?? '', path, now);
  if ('refused' in checked) return refused('invalid_client', checked.refused);
  const { agent, clientId } = checked;
  return {
    json: {
      access_token: signToken(organization, { agentId: agent.id, clientId }, now),
      token_type: 'JWT',
      expires_in: agentTokenSeconds,
    },
  };
}
