import { Hono } from 'hono';
import type { Arm } from '../arm/app.ts';
import type { AzureDevOps } from '../azure-devops/app.ts';
import type { CloudContext, Handler, LedgerEntry } from '../core/context.ts';
import type { CloudIdentity } from '../core/facts.ts';
import type { FaultRegister } from '../core/faults.ts';
import { distributions } from '../core/latencies.ts';
import type { AdjustableLatencies } from '../core/latencies.ts';
import type { LedgerRows } from '../core/store.ts';
import { createInstanceMetadata } from '../entra/instance-metadata.ts';
import type { Tokens } from '../entra/tokens.ts';
import { InvalidControl, parseCapacity, parseFault, parseLimit, parseOrganization } from './input.ts';

/** Entries of the ledger that one answer carries. */
const ledgerPage = 5_000;

const ledgerKinds = ['call', 'machine', 'resource', 'registration', 'job'] as const;

/** What the control interface reads and changes. */
export interface Controlled {
  context: CloudContext & { faults: FaultRegister; latencies: AdjustableLatencies };
  rows: LedgerRows;
  arm: Arm;
  azureDevOps: AzureDevOps;
  identity: CloudIdentity;
  tokens: Tokens;
  /** A tar.gz. */
  agentPackage?: Buffer;
}

/** Where machines that are processes fetch their agent. */
export const agentPackagePath = '/agent-package/linux.tar.gz';

/** The interface by which tests and operators watch the cloud and disturb it. Not part of Azure. */
export function createControl(controlled: Controlled): Handler {
  const { context, rows, arm, azureDevOps, identity, tokens, agentPackage } = controlled;
  const app = new Hono();
  app.get('/health', (c) => c.json({ status: 'ok', now: new Date(context.clock.now()).toISOString() }));

  app.get('/ledger', (c) => {
    const kind = c.req.query('kind');
    const known = ledgerKinds.find((name) => name === kind);
    if (kind !== undefined && known === undefined)
      throw new InvalidControl('kind', `one of ${ledgerKinds.join(', ')}`, kind);
    const after = Number(c.req.query('after') ?? 0);
    if (!Number.isSafeInteger(after) || after < 0)
      throw new InvalidControl('after', 'a sequence number', c.req.query('after'));
    const entries = rows.read<LedgerEntry['kind']>(known, after, ledgerPage);
    return c.json({ entries, next: entries.at(-1)?.sequence ?? after });
  });

  app.get('/faults', (c) => c.json({ faults: context.faults.list() }));
  app.post('/faults', async (c) => c.json(context.faults.add(parseFault(await c.req.json())), 201));
  app.delete('/faults', (c) => {
    context.faults.clear();
    return c.body(null, 204);
  });
  app.get('/faults/:id', (c) => {
    const fault = context.faults.list().find((known) => known.id === c.req.param('id'));
    return fault === undefined ? c.json({ error: 'No such fault: it was removed or is spent.' }, 404) : c.json(fault);
  });
  app.delete('/faults/:id', (c) => c.body(null, context.faults.remove(c.req.param('id')) ? 204 : 404));

  if (agentPackage !== undefined) {
    const type = { 'content-type': 'application/gzip' };
    app.get(agentPackagePath, (c) => c.body(new Uint8Array(agentPackage), 200, type));
  }

  app.get('/state', (c) => c.json({ machines: arm.counts(), ...azureDevOps.counts() }));

  const latencies = (): unknown => ({ scale: context.latencies.scale, distributions });
  app.get('/latencies', (c) => c.json(latencies()));
  app.patch('/latencies', async (c) => {
    const { scale } = (await c.req.json()) as { scale?: unknown };
    if (typeof scale !== 'number' || !(scale > 0)) throw new InvalidControl('scale', 'a number above 0', scale);
    context.latencies.scale = scale;
    return c.json(latencies());
  });

  app.get('/quotas', (c) => c.json({ limits: arm.quotas() }));
  app.patch('/quotas', async (c) => {
    arm.setQuota(parseLimit(await c.req.json(), identity.location));
    return c.json({ limits: arm.quotas() });
  });
  app.get('/capacity', (c) => c.json({ limits: arm.capacities() }));
  app.patch('/capacity', async (c) => {
    arm.setCapacity(parseCapacity(await c.req.json(), identity.location));
    return c.json({ limits: arm.capacities() });
  });
  app.get('/throttling', (c) => c.json({ strict: arm.strictThrottling }));
  app.patch('/throttling', async (c) => {
    const { strict } = (await c.req.json()) as { strict?: unknown };
    if (typeof strict !== 'boolean') throw new InvalidControl('strict', 'true or false', strict);
    arm.strictThrottling = strict;
    return c.json({ strict });
  });

  app.post('/organizations', async (c) => {
    const { name, projects } = parseOrganization(await c.req.json());
    azureDevOps.addOrganization(name, projects);
    return c.json({ name, projects, url: `${context.addresses.azureDevOps}/${name}` }, 201);
  });

  for (const [path, what] of [
    ['stop', 'stop'],
    ['evict', 'evict'],
    ['evict-with-notice', 'evictLater'],
  ] as const) {
    app.post(`/machines/:name/${path}`, (c) =>
      arm.disturb(c.req.param('name'), what)
        ? c.body(null, 204)
        : c.json({ error: `There is no machine '${c.req.param('name')}'.` }, 404),
    );
  }

  app.route('/', createInstanceMetadata(context, identity, tokens));
  app.onError((error, c) => {
    if (error instanceof InvalidControl || error instanceof SyntaxError) return c.json({ error: error.message }, 400);
    throw error;
  });
  return (request) => app.fetch(request);
}
