import type { Disturbance } from '../../../domain/invariants/account.ts';
import { tagNames } from '../../../domain/names.ts';
import type { ScheduledDisturbance } from '../schedule/schedule.ts';
import type { World } from './world.ts';

/** Breaks things as the schedule says, and keeps account of what was done to whom. */
export interface Nemesis {
  readonly disturbances: Disturbance[];
  /** Foreign resources that must be there at the end. */
  readonly foreign: string[];
  /** How often each kind struck. */
  readonly strikes: Record<string, number>;
  strike(disturbance: ScheduledDisturbance): Promise<void>;
}

interface ListedMachine {
  id: string;
  name: string;
  tags?: Record<string, string>;
}

/** Api-versions that the embedded cloud takes for what people do here. */
const versions = { machines: '2024-11-01', disks: '2024-03-02', network: '2024-05-01' } as const;

export function createNemesis(world: World): Nemesis {
  const { cloud, engine, workers, timeline, journal } = world;
  const { subscriptionId, resourceGroup, location, subnetId, organizationUrl } = cloud.facts;
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`;
  const nemesis: Nemesis = { disturbances: [], foreign: [], strikes: {}, strike };
  let planted = 0;

  const remember = (kind: string, subject: string): void => {
    nemesis.disturbances.push({ at: timeline.now(), kind, subject });
    journal.note('nemesis', `${kind} ${subject}`);
  };

  async function strike(disturbance: ScheduledDisturbance): Promise<void> {
    nemesis.strikes[disturbance.kind] = (nemesis.strikes[disturbance.kind] ?? 0) + 1;
    switch (disturbance.kind) {
      case 'killWorker': {
        const victim = nth(workers.alive, disturbance.nth);
        if (!victim) return;
        remember('workerKilled', victim.name);
        workers.kill(victim);
        timeline.at(timeline.now() + disturbance.downMs, () => {
          journal.note('nemesis', `workerStarted ${workers.start().name}`);
        });
        return;
      }
      case 'pauseWorker': {
        const victim = nth(workers.alive, disturbance.nth);
        if (!victim) return;
        remember('workerPaused', `${victim.name} for ${disturbance.forMs}`);
        victim.stoppedUntil = Math.max(victim.stoppedUntil, timeline.now() + disturbance.forMs);
        return;
      }
      case 'partitionWorker': {
        const victim = nth(workers.alive, disturbance.nth);
        if (!victim) return;
        remember('workerPartitioned', `${victim.name} for ${disturbance.forMs}`);
        victim.partitioned = true;
        timeline.at(timeline.now() + disturbance.forMs, () => {
          victim.partitioned = false;
        });
        return;
      }
      case 'skewClock': {
        const victim = nth(workers.alive, disturbance.nth);
        if (!victim) return;
        remember('clockSkewed', `${victim.name} by ${disturbance.byMs}`);
        victim.skewMs = disturbance.byMs;
        timeline.at(timeline.now() + disturbance.forMs, () => {
          victim.skewMs = 0;
        });
        return;
      }
      case 'restartEngine':
        remember('engineRestarted', `down for ${disturbance.downMs}`);
        return engine.restart(disturbance.downMs);
      case 'evictWorkflows':
        remember('workflowsEvicted', 'all');
        for (const run of engine.allRuns()) if (run.task !== 'started') await engine.workflowTasks.evict(run);
        return;
      case 'stopMachine':
      case 'evictMachine': {
        const machine = nth(await machines(), disturbance.nth);
        if (!machine) return;
        remember(disturbance.kind === 'stopMachine' ? 'machineStopped' : 'machineEvicted', machine.id);
        cloud.disturb(machine.name, disturbance.kind === 'stopMachine' ? 'stop' : 'evict');
        return;
      }
      case 'deleteMachine': {
        const machine = nth(await machines(), disturbance.nth);
        if (!machine) return;
        remember('machineDeleted', machine.id);
        await arm('DELETE', machine.id, versions.machines);
        return;
      }
      case 'alterTags': {
        const machine = nth(await machines(), disturbance.nth);
        if (!machine) return;
        remember('tagsAltered', machine.id);
        const left = Object.entries(machine.tags ?? {}).filter(([name]) => !name.startsWith('odp-'));
        const tags =
          disturbance.what === 'all'
            ? { ...Object.fromEntries(left), owner: 'somebody' }
            : { ...machine.tags, [tagNames.agent]: 'somebody' };
        await arm('PATCH', machine.id, versions.machines, { tags });
        return;
      }
      case 'removeRegistration':
      case 'disableRegistration':
        return await registration(disturbance.kind, disturbance.nth);
      case 'plantOrphan':
        return await plantOrphan(disturbance.pool, disturbance.what);
      case 'plantForeign':
        return await plantForeign(disturbance.what);
    }
  }

  async function registration(kind: 'removeRegistration' | 'disableRegistration', which: number): Promise<void> {
    const found: { pool: number; id: number; name: string }[] = [];
    for (const pool of await agentPools()) {
      for (const { id, name } of await agentsOf(pool.id)) {
        if (!name.includes('-placeholder-')) found.push({ pool: pool.id, id, name });
      }
    }
    const agent = nth(found, which);
    if (!agent) return;
    const path = `_apis/distributedtask/pools/${agent.pool}/agents/${agent.id}?api-version=7.1`;
    if (kind === 'removeRegistration') {
      const { status } = await devops('DELETE', path);
      if (status < 300) remember('registrationRemoved', agent.name);
    } else {
      remember('registrationDisabled', agent.name);
      await devops('PATCH', path, { id: agent.id, enabled: false });
    }
  }

  /** What an attempt that outlived its agent leaves behind: the names and tags are right, but nobody owns it. */
  async function plantOrphan(
    pool: string,
    what: 'machine' | 'disk' | 'networkInterface' | 'registration',
  ): Promise<void> {
    const name = `0ff0ff0ff${String(planted++).padStart(6, '0')}`;
    const tags = {
      [tagNames.installation]: 'simulated',
      [tagNames.pool]: pool,
      [tagNames.agent]: `agent/${pool}/${name}`,
    };
    if (what === 'registration') {
      const agentPool = (await agentPools()).find((known) => known.name === pool);
      if (!agentPool) return;
      remember('orphanPlanted', name);
      await devops('POST', `_apis/distributedtask/pools/${agentPool.id}/agents?api-version=7.1`, {
        name,
        version: '4.260.0',
        enabled: true,
        maxParallelism: 1,
        authorization: { publicKey: { exponent: 'AQAB', modulus: Buffer.alloc(256, 7).toString('base64') } },
      });
      return;
    }
    const id = await plant(what, name, tags);
    if (id !== undefined) remember('orphanPlanted', id);
  }

  async function plantForeign(what: 'otherInstallation' | 'untagged'): Promise<void> {
    const name = `foreign${planted++}`;
    const tags: Record<string, string> =
      what === 'untagged'
        ? {}
        : {
            [tagNames.installation]: 'another',
            [tagNames.pool]: 'p',
            [tagNames.agent]: `agent/p/0aa0aa0aa${String(planted).padStart(6, '0')}`,
          };
    const id = await plant(planted % 2 === 0 ? 'disk' : 'networkInterface', name, tags);
    if (id === undefined) return;
    nemesis.foreign.push(id);
    journal.note('nemesis', `foreignPlanted ${id}`);
  }

  async function plant(
    what: 'machine' | 'disk' | 'networkInterface',
    name: string,
    tags: Record<string, string>,
  ): Promise<string | undefined> {
    if (what === 'disk') {
      const id = `${group}/providers/Microsoft.Compute/disks/${name}-os`;
      return await put(id, versions.disks, {
        location,
        tags,
        properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 4 },
      });
    }
    const nic = `${group}/providers/Microsoft.Network/networkInterfaces/${name}-nic`;
    const made = await put(nic, versions.network, {
      location,
      tags,
      properties: { ipConfigurations: [{ name: 'primary', properties: { subnet: { id: subnetId } } }] },
    });
    if (what === 'networkInterface' || made === undefined) return made;
    const id = `${group}/providers/Microsoft.Compute/virtualMachines/${name}`;
    return await put(id, versions.machines, {
      location,
      tags,
      properties: {
        hardwareProfile: { vmSize: 'Standard_D2ads_v5' },
        storageProfile: {
          imageReference: { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku: 'server', version: 'latest' },
          osDisk: { name: `${name}-os`, createOption: 'FromImage', deleteOption: 'Delete' },
        },
        osProfile: {
          computerName: name,
          adminUsername: 'operator',
          linuxConfiguration: {
            disablePasswordAuthentication: true,
            ssh: {
              publicKeys: [{ path: '/home/operator/.ssh/authorized_keys', keyData: 'ssh-rsa AAAAB3NzaC1yc2E= x' }],
            },
          },
        },
        networkProfile: { networkInterfaces: [{ id: nic, properties: { primary: true, deleteOption: 'Delete' } }] },
      },
    });
  }

  /** Undefined where a fault of the schedule refused it. */
  async function put(id: string, version: string, body: object): Promise<string | undefined> {
    const { status } = await arm('PUT', id, version, body);
    return status < 300 ? id : undefined;
  }

  async function machines(): Promise<ListedMachine[]> {
    const { text } = await arm('GET', `${group}/providers/Microsoft.Compute/virtualMachines`, versions.machines);
    const { value = [] } = JSON.parse(text) as { value?: ListedMachine[] };
    return value.filter(({ tags }) => tags?.[tagNames.installation] === 'simulated');
  }

  async function agentPools(): Promise<{ id: number; name: string }[]> {
    const { text } = await devops('GET', '_apis/distributedtask/pools?api-version=7.1');
    return (JSON.parse(text) as { value?: { id: number; name: string }[] }).value ?? [];
  }

  async function agentsOf(pool: number): Promise<{ id: number; name: string }[]> {
    const { text } = await devops('GET', `_apis/distributedtask/pools/${pool}/agents?api-version=7.1`);
    return (JSON.parse(text) as { value?: { id: number; name: string }[] }).value ?? [];
  }

  async function arm(
    method: string,
    id: string,
    version: string,
    body?: unknown,
  ): Promise<{ status: number; text: string }> {
    return await send(cloud.arm, `${cloud.facts.arm}${id}?api-version=${version}`, method, body, {
      authorization: `Bearer ${cloud.token('https://management.azure.com')}`,
    });
  }

  async function devops(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
    return await send(cloud.azureDevOps, `${organizationUrl}/${path}`, method, body, {
      authorization: `Basic ${Buffer.from(`:${cloud.facts.personalAccessToken}`).toString('base64')}`,
    });
  }

  /** The nemesis does not suffer from the faults that it is not the target of. */
  async function send(
    handler: typeof cloud.arm,
    url: string,
    method: string,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<{ status: number; text: string }> {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      try {
        const answer = await world.people.call(async () => {
          const response = await handler(
            new Request(url, {
              method,
              headers: { ...headers, 'content-type': 'application/json' },
              ...(body === undefined ? {} : { body: JSON.stringify(body) }),
            }),
          );
          return { status: response.status, text: await response.text() };
        });
        if (answer.status < 429) return answer;
      } catch {
        // Cut by a fault of the schedule; the act may have taken effect.
      }
      await timeline.sleep(1_000);
    }
    return { status: 503, text: '{}' };
  }

  return nemesis;
}

function nth<T>(items: readonly T[], index: number): T | undefined {
  return items[index % Math.max(1, items.length)];
}
