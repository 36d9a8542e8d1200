import { breachesOf } from '../support/account/breaches.ts';
import { embeddedPool, queueJobs } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { furtherSubnet } from '../support/further-network.ts';
import { registrationsLeft, resourcesLeft } from '../support/ledger-checks.ts';
import { startStack, type Stack } from '../support/stack.ts';

/**
 * Where machines are made when Azure refuses: the whole system with real SDKs against the embedded cloud. The numbers are
 * those of the field failures of other products that each rule comes from.
 */

jest.setTimeout(120_000);

const minute = 60_000;
/** What is refused stays closed so long: long enough to be seen, short enough to see it open again. */
const placeClosedMs = 10_000;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ scale: 0.02, limits: { pool: { placeClosedMs } } });
});
afterAll(async () => {
  await stack.close();
});

const image = { wellKnownImageName: 'ubuntu-24.04-g2', aliases: ['ubuntu'] };

/** A pool of one size, or of a mix, with what its operator allows besides. */
async function apply(name: string, sizes: string[], operatorProfile: object = {}): Promise<void> {
  const odp = await stack.client();
  const [first] = sizes;
  const sku = sizes.length === 1 ? { name: first } : { name: 'Mix', vmSizes: sizes.map((size) => ({ name: size })) };
  await odp.pools.apply(
    embeddedPool(stack.cloud, name, { fabricProfile: { kind: 'Vmss', sku, images: [image] }, operatorProfile }),
  );
}

/** Runs one job of the pool and answers the size of the machine that it ran on. */
async function runJob(pool: string): Promise<string> {
  const odp = await stack.client();
  const before = new Set((await odp.jobs.list({ pool })).map(({ requestId }) => requestId));
  await queueJobs(stack, pool, { count: 1, image: 'ubuntu', durationSeconds: 1 });
  return await eventually(async () => {
    const done = (await odp.jobs.list({ pool })).filter(
      ({ requestId, state }) => state === 'finished' && !before.has(requestId),
    );
    // A failure shows what held the pool back.
    const { holds, placement } = await odp.pools.explain(pool);
    expect({ done: done.length, holds, placement }).toMatchObject({ done: 1 });
    return done[0]?.vmSize ?? '';
  }, minute);
}

const placementOf = async (pool: string) => {
  const { placement } = await (await stack.client()).pools.show(pool);
  if (!placement) throw new Error('the pool has one place only');
  return placement;
};

const allOpen = (pool: string) =>
  eventually(async () => {
    expect((await placementOf(pool)).places.filter(({ closed }) => closed)).toEqual([]);
  }, minute);

test('35: a size without quota is left for the next one, in every zone, and taken again when its time is over', async () => {
  await stack.limit('quotas', { name: 'standardDADSv5Family', limit: 1 });
  await apply('sizes', ['Standard_D2ads_v5', 'Standard_D2ds_v5'], { zones: ['1', '2'] });

  expect(await runJob('sizes')).toBe('Standard_D2ds_v5');

  const { attempts } = await placementOf('sizes');
  expect(attempts).toMatchObject([
    { outcome: 'asked', vmSize: 'Standard_D2ads_v5', zone: '1', why: 'first choice', count: 1 },
    { outcome: 'refused', vmSize: 'Standard_D2ads_v5', zone: '1', why: 'OperationNotAllowed', count: 1 },
    {
      outcome: 'asked',
      vmSize: 'Standard_D2ds_v5',
      zone: '1',
      why: expect.stringMatching(/Standard_D2ads_v5 in westeurope zone 1 is closed until .* \(QuotaExceeded\)/),
    },
  ]);
  const { holds, totals } = await (await stack.client()).pools.show('sizes');
  expect({ holds, totals }).toMatchObject({ holds: [], totals: { requested: 2, failed: 1 } });

  await stack.limit('quotas', { name: 'standardDADSv5Family', limit: 100 });
  await allOpen('sizes');
  expect(await runJob('sizes')).toBe('Standard_D2ads_v5');
});

test('36: a zone that is full is left for the next one', async () => {
  const size = 'Standard_D4ads_v5';
  for (const zone of ['1', '2']) await stack.limit('capacity', { vmSize: size, zone, machines: 0 });
  await apply('zones', [size], { zones: ['1', '2', '3'] });

  expect(await runJob('zones')).toBe(size);

  const { attempts } = await placementOf('zones');
  expect(attempts.map(({ outcome, zone, why }) => [outcome, zone, why.split(' ')[0]])).toEqual([
    ['asked', '1', 'first'],
    ['refused', '1', 'ZonalAllocationFailed'],
    ['asked', '2', 'Standard_D4ads_v5'],
    ['refused', '2', 'ZonalAllocationFailed'],
    ['asked', '3', 'Standard_D4ads_v5'],
  ]);
});

test('37: where there is no Spot capacity a regular machine is taken, and Spot again when its time is over', async () => {
  const size = 'Standard_D2s_v3';
  await stack.limit('capacity', { vmSize: size, priority: 'Spot', machines: 0 });
  await apply('spot', [size], { spot: {} });

  await runJob('spot');
  const asked = async () =>
    (await placementOf('spot')).attempts.filter(({ outcome }) => outcome === 'asked').map(({ priority }) => priority);
  expect(await asked()).toEqual(['Spot', 'Regular']);

  await stack.limit('capacity', { vmSize: size, priority: 'Spot', machines: null });
  await allOpen('spot');
  await runJob('spot');
  expect(await asked()).toEqual(['Spot', 'Regular', 'Spot']);
});

test('a region without room is left for the next one, and nothing of its machines is left there', async () => {
  const size = 'Standard_D2as_v5';
  const subnetId = await furtherSubnet(stack.cloud, 'northeurope');
  await stack.limit('capacity', { vmSize: size, machines: 0 });
  await apply('regions', [size], { regions: [{ location: 'North Europe', subnetId }] });

  await runJob('regions');

  const { attempts } = await placementOf('regions');
  expect(attempts.map(({ outcome, location }) => [outcome, location])).toEqual([
    ['asked', 'westeurope'],
    ['refused', 'westeurope'],
    ['asked', 'northeurope'],
  ]);
});

test('30: where everything is closed jobs wait, and the pool says why and until when', async () => {
  const size = 'Standard_F4s_v2';
  await stack.limit('capacity', { vmSize: size, machines: 0 });
  await apply('closed', [size], { spot: { fallback: 'Regular' }, zones: ['1', '2'] });
  const odp = await stack.client();
  await queueJobs(stack, 'closed', { count: 1, image: 'ubuntu', durationSeconds: 1 });

  await eventually(async () => {
    const { holds, placement, lastPlan } = await odp.pools.explain('closed');
    expect(placement?.places.map(({ closed }) => closed?.code)).toEqual([
      'SkuNotAvailable',
      'SkuNotAvailable',
      'AllocationFailed',
      'AllocationFailed',
    ]);
    const earliest = Math.min(...(placement?.places ?? []).map(({ closed }) => closed?.until ?? 0));
    expect(holds).toContainEqual({
      image: 'ubuntu',
      until: earliest,
      code: 'SkuNotAvailable',
      message: expect.stringContaining('No size, zone, priority or region is open'),
    });
    expect(lastPlan?.remarks).toContainEqual({
      image: 'ubuntu',
      code: 'Held',
      message: expect.stringContaining(new Date(earliest).toISOString()),
    });
  }, minute);

  await stack.limit('capacity', { vmSize: size, machines: null });
  await eventually(async () => {
    expect((await odp.pools.show('closed')).totals.jobs).toBe(1);
  }, minute);
});

test('machines in every zone, priority and region go without a trace', async () => {
  await eventually(async () => {
    expect(await resourcesLeft(stack)).toEqual([]);
    expect(await registrationsLeft(stack)).toEqual([]);
  }, minute);
  expect(await breachesOf(stack)).toEqual([]);
});
