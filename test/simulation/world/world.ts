import { createCloud, type Cloud } from '../../../emulator/cloud.ts';
import { createChance } from '../../../emulator/core/chance.ts';
import type { Chance } from '../../../emulator/core/context.ts';
import { parseInstallation, type Installation } from '../../../domain/installation.ts';
import { createActivities } from '../../../workers/activities.ts';
import { Engine } from '../engine/engine.ts';
import type { WorkflowRuntime } from '../engine/sdk.ts';
import type { Journal } from '../journal.ts';
import type { Schedule } from '../schedule/schedule.ts';
import { restartKeyPairs, useTimeline } from '../time/globals.ts';
import { createTimeline, type Timeline } from '../time/timeline.ts';
import { createEngineClient } from './engine-client.ts';
import { createLink, type Link } from './link.ts';
import { armTransport, connectDevOpsClients } from './transports.ts';
import { Workers } from './workers.ts';

/** When every simulation begins: a Monday morning. */
export const simulationStart = Date.UTC(2026, 0, 5, 8);

/** One way between a worker and the cloud takes at most this long; milliseconds. The cloud has latencies of its own. */
const cloudLatencyMs = 40;

/** A token is taken anew when it ends sooner than this; milliseconds. The SDK's own pipeline asks for two minutes. */
const renewBeforeMs = 5 * 60_000;

/** A whole installation under virtual time. */
export interface World {
  timeline: Timeline;
  cloud: Cloud;
  engine: Engine;
  workers: Workers;
  installation: Installation;
  /** Chance of what people and nature do. */
  chance: Chance;
  /** People's own way to the cloud: never broken. */
  people: Link;
  journal: Journal;
  close(): void;
}

/** Makes the world of a schedule; nothing has happened in it yet. */
export function createWorld(
  schedule: Schedule,
  runtime: WorkflowRuntime,
  makeJournal: (timeline: Timeline) => Journal,
): World {
  const chanceOf = (stream: number): Chance => createChance(Math.imul(schedule.seed, 31) + stream);
  const timeline = createTimeline(simulationStart, chanceOf(1));
  useTimeline({ timeline, chance: chanceOf(2) });
  restartKeyPairs();
  const journal = makeJournal(timeline);
  const cloud = createCloud({ clock: timeline, seed: Math.imul(schedule.seed, 31) + 3, scale: schedule.cloudScale });
  const installation = installationOf(cloud, schedule);

  const link = createLink(timeline, chanceOf(4), () => cloudLatencyMs);
  connectDevOpsClients({ arm: cloud.arm, azureDevOps: cloud.azureDevOps, link });
  const azure = {
    credential: { getToken: (scopes: string | string[]) => Promise.resolve(tokens(String(scopes))) },
    httpClient: armTransport({ arm: cloud.arm, azureDevOps: cloud.azureDevOps, link }),
  };
  const tokens = tokenCache(cloud, timeline);

  const workers = new Workers(timeline, chanceOf(5), () => {
    const { local, ...queues } = createActivities({
      installation,
      client,
      readSecret: () => cloud.facts.personalAccessToken,
      azure,
    });
    return Object.assign({}, local, ...Object.values(queues)) as Record<
      string,
      (...args: unknown[]) => Promise<unknown>
    >;
  });
  const engine = new Engine({
    timeline,
    chance: chanceOf(6),
    runtime,
    workers,
    chances: schedule.engine,
    note: (line) => journal.note('engine', line),
  });
  workers.engine = engine;
  const client = createEngineClient(engine, timeline, chanceOf(7));
  for (let count = 0; count < schedule.engine.workers; count += 1) workers.start();

  return {
    timeline,
    cloud,
    engine,
    workers,
    installation,
    chance: chanceOf(8),
    people: createLink(timeline, chanceOf(9), () => cloudLatencyMs),
    journal,
    close() {
      for (const process of workers.alive) process.alive = false;
      connectDevOpsClients(undefined);
      cloud.close();
      useTimeline(undefined);
    },
  };
}

/** The SDK's own credential is not simulated; this one answers as it does, with tokens of the embedded cloud. */
function tokenCache(
  cloud: Cloud,
  timeline: Timeline,
): (scope: string) => { token: string; expiresOnTimestamp: number } {
  const known = new Map<string, { token: string; expiresOnTimestamp: number }>();
  return (scope) => {
    const cached = known.get(scope);
    if (cached && cached.expiresOnTimestamp - timeline.now() > renewBeforeMs) return cached;
    const token = cloud.token(scope.replace(/\/\.default$/, ''));
    const [, payload = ''] = token.split('.');
    const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp: number };
    const made = { token, expiresOnTimestamp: exp * 1000 };
    known.set(scope, made);
    return made;
  };
}

function installationOf(cloud: Cloud, schedule: Schedule): Installation {
  const { subscriptionId, resourceGroup, subnetId, arm, entra, tenantId, clientId, organizationUrl } = cloud.facts;
  const parsed = parseInstallation({
    name: 'simulated',
    engine: { address: 'simulated.invalid:7233', namespace: 'default' },
    azure: {
      subscriptionId,
      resourceGroup,
      subnetId,
      resourceManagerEndpoint: arm,
      authorityHost: entra,
      // Looking less often than the cloud is fast keeps a run short.
      operationPollMs: Math.max(500, Math.round(2_000 * schedule.cloudScale)),
      credential: { kind: 'clientSecret', tenantId, clientId, secret: { environment: 'SIMULATED' } },
    },
    azureDevOps: {
      organizations: [
        { url: organizationUrl, credential: { kind: 'personalAccessToken', token: { environment: 'SIMULATED' } } },
      ],
    },
    limits: schedule.limits,
    images: {},
  });
  if ('violations' in parsed) throw new Error(`The simulated installation: ${JSON.stringify(parsed.violations)}`);
  return parsed.installation;
}
