import { collection, type Answer, type Call, type Operation } from './operation.ts';
import { operatorOf } from './wire.ts';

/**
 * How clients find the address of an operation: by the id of its resource. Ids and routes from the typed client
 * azure-devops-node-api 17.0.1 and the REST reference 7.2.
 */
type Location = readonly [id: string, area: string, resource: string, route: string, version: number];

const pool = '_apis/{area}/pools/{poolId}';
const plan = '{scopeIdentifier}/_apis/{area}/hubs/{hubName}/plans/{planId}';

const locations: readonly Location[] = [
  ['e81700f7-3be2-46de-8624-2eb35882fcaa', 'Location', 'ResourceAreas', '_apis/{resource}/{areaId}', 1],
  ['00d9565f-ed9c-4a06-9a50-00e7896ccab4', 'Location', 'ConnectionData', '_apis/{resource}', 1],
  ['603fe2ac-9723-48b9-88ad-09305aa6c6e1', 'core', 'projects', '_apis/{resource}/{*projectId}', 4],
  ['a8c47e17-4d56-4a56-92bb-de7ea7dc65be', 'distributedtask', 'pools', '_apis/{area}/{resource}/{poolId}', 1],
  ['e298ef32-5878-4cab-993c-043836571f42', 'distributedtask', 'agents', `${pool}/{resource}/{agentId}`, 1],
  [
    '30ba3ada-fedf-4da8-bbb5-dacf2f82e176',
    'distributedtask',
    'usercapabilities',
    `${pool}/agents/{agentId}/{resource}`,
    1,
  ],
  ['134e239e-2df3-4794-a6f6-24f1f19ec8dc', 'distributedtask', 'sessions', `${pool}/{resource}/{sessionId}`, 1],
  ['c3a054f6-7a8a-49c0-944e-3a8e5d7adfd7', 'distributedtask', 'messages', `${pool}/{resource}/{messageId}`, 1],
  ['fc825784-c92a-4299-9221-998a02d1b54f', 'distributedtask', 'jobrequests', `${pool}/{resource}/{requestId}`, 1],
  [
    '900fa995-c559-4923-aae7-f8424fe4fbea',
    'distributedtask',
    'queues',
    '{project}/_apis/{area}/{resource}/{queueId}',
    1,
  ],
  [
    '8ffcd551-079c-493a-9c02-54346299d144',
    'distributedtask',
    'packages',
    '_apis/{area}/{resource}/{packageType}/{platform}/{version}',
    2,
  ],
  ['1f1f0557-c445-42a6-b4a0-0df605a3a0f8', 'distributedtask', 'resourcelimits', '_apis/{area}/{resource}', 1],
  [
    '8893bc5b-35b2-4be7-83cb-99e683551db4',
    'distributedtask',
    'records',
    `${plan}/timelines/{timelineId}/{resource}`,
    2,
  ],
  [
    '858983e4-19bd-4c5e-864c-507b59b58b12',
    'distributedtask',
    'feed',
    `${plan}/timelines/{timelineId}/records/{recordId}/{resource}`,
    1,
  ],
  ['46f5667d-263a-4684-91b1-dff7fdcf64e2', 'distributedtask', 'logs', `${plan}/{resource}/{logId}`, 1],
  ['557624af-b29e-4c20-8ab0-0399d2204f3f', 'distributedtask', 'events', `${plan}/{resource}`, 1],
  ['0cd358e1-9217-4d94-8269-1c1ee6f93dcf', 'build', 'Builds', '{project}/_apis/{area}/{resource}/{buildId}', 7],
  [
    '8baac422-4c6e-4de5-8532-db96d92acffa',
    'build',
    'Timeline',
    '{project}/_apis/{area}/builds/{buildId}/{resource}/{timelineId}',
    2,
  ],
  [
    '35a80daf-7f30-45fc-86e8-6b813d9c90df',
    'build',
    'logs',
    '{project}/_apis/{area}/builds/{buildId}/{resource}/{logId}',
    2,
  ],
  [
    '6e6114b2-8161-44c8-8f6c-c5505782427f',
    'build',
    'Tags',
    '{project}/_apis/{area}/builds/{buildId}/{resource}/{*tag}',
    3,
  ],
  [
    'b8aac6c9-744b-46e1-88fc-3550969f9313',
    'build',
    'Stages',
    '{project}/_apis/{area}/builds/{buildId}/{resource}/{stageRefName}',
    1,
  ],
  [
    'dbeaf647-6167-421a-bda9-c9327b25e2e6',
    'build',
    'Definitions',
    '{project}/_apis/{area}/{resource}/{definitionId}',
    7,
  ],
  [
    'b5b9a4a4-e6cd-4096-853c-ab7d8b0c4eb2',
    'pipelinePermissions',
    'pipelinePermissions',
    '{project}/_apis/pipelines/{resource}/{resourceType}/{resourceId}',
    1,
  ],
];

/** Areas, each with the ids under which clients ask for it. */
const areas: readonly (readonly [id: string, name: string])[] = [
  ['a85b8835-c1a1-4aac-ae97-1c3d0ba72dbd', 'distributedtask'],
  ['5d6898bb-45ec-463f-95f9-54d49c71752e', 'build'],
  ['965220d5-5bb9-42cf-8d67-9b146df2a5a4', 'build'],
  ['79134c72-4a58-4b42-976c-04e7115f32bf', 'core'],
  ['a81a0441-de52-4000-aa15-ff0e07bfbbaa', 'pipelinePermissions'],
];

function wire([id, area, resourceName, routeTemplate, resourceVersion]: Location) {
  return {
    id,
    area,
    resourceName,
    routeTemplate,
    resourceVersion,
    minVersion: '1.0',
    maxVersion: '7.2',
    releasedVersion: '7.1',
  };
}

function areaWire(call: Call, [id, name]: (typeof areas)[number]) {
  return { id, name, locationUrl: `${call.baseUrl}/` };
}

export const locationOperations: Operation[] = [
  {
    name: 'Locations_ListAll',
    method: 'OPTIONS',
    paths: ['/_apis'],
    forAgents: true,
    run: () => collection(locations.map(wire)),
  },
  {
    name: 'Locations_List',
    method: 'OPTIONS',
    paths: ['/_apis/:area', '/:project/_apis/:area'],
    forAgents: true,
    run: ({ parameters }) =>
      collection(locations.filter(([, area]) => area.toLowerCase() === parameters['area']).map(wire)),
  },
  {
    name: 'ResourceAreas_List',
    method: 'GET',
    paths: ['/_apis/resourceareas'],
    forAgents: true,
    run: (call) => collection(areas.map((area) => areaWire(call, area))),
  },
  { name: 'ResourceAreas_Get', method: 'GET', paths: ['/_apis/resourceareas/:area'], forAgents: true, run: getArea },
  { name: 'ConnectionData_Get', method: 'GET', paths: ['/_apis/connectiondata'], forAgents: true, run: connectionData },
];

function getArea(call: Call): Answer {
  const wanted = call.parameters['area'] ?? '';
  const found = areas.find(([id, name]) => id === wanted || name.toLowerCase() === wanted);
  // A live server answers null for an area that it does not know.
  return { json: found === undefined ? null : areaWire(call, found) };
}

function connectionData(call: Call): Answer {
  const { record } = call.organization;
  const operator = operatorOf(call.organization);
  const user = { id: operator.id, providerDisplayName: operator.displayName, isActive: true };
  return {
    json: {
      authenticatedUser: user,
      authorizedUser: user,
      instanceId: record.id,
      deploymentId: record.id,
      deploymentType: 'hosted',
      locationServiceData: {
        serviceOwner: '00025394-6065-48ca-87d9-7f5672854ef7',
        defaultAccessMappingMoniker: 'HostGuidAccessMapping',
        lastChangeId: 1,
      },
    },
  };
}
