import { createMachineSights } from '../../activities/azure/machine-sights.ts';
import type { MachineSight } from '../../domain/messages.ts';
import { machineIn } from '../support/embedded-azure.ts';
import { eventually } from '../support/eventually.ts';
import { addFault, azure, closeCloud, cloud } from './activities-azure-support.ts';

/** What the list of a subscription's machines shows of those whose agents are silent; the real SDK on the embedded cloud. */

const { subscriptionId, resourceGroup, location, subnetId } = cloud.facts;
const { virtualMachines } = azure.compute(subscriptionId);
afterAll(closeCloud);

let counter = 0;
async function machine(spot = false): Promise<string> {
  const name = `vm${String(counter++)}`;
  const described = machineIn(subnetId, location, name);
  await virtualMachines.createOrUpdate(
    resourceGroup,
    name,
    spot ? { ...described, priority: 'Spot', evictionPolicy: 'Delete' } : described,
    { updateIntervalInMs: 10 },
  );
  return name;
}

const lists = () =>
  cloud.context.ledger.entries('call').filter(({ operation }) => operation === 'VirtualMachines_ListAll').length;

/** Asks until something was seen, as the observer does. */
async function seen(name: string, since = Date.now()): Promise<MachineSight['state'] | undefined> {
  const sights = createMachineSights(azure, 20);
  return await eventually(async () => {
    const { state } = sights.look(subscriptionId, new Map([[name, since]])).sights.get(name) ?? {};
    expect(state).toBeDefined();
    return state;
  });
}

test('a machine that runs, one that was stopped, deallocated or deleted, and one that never was', async () => {
  const name = await machine();
  expect(await seen(name)).toBe('running');
  expect(await seen(name.toUpperCase())).toBe('running');
  await virtualMachines.powerOff(resourceGroup, name, { updateIntervalInMs: 10 });
  expect(await seen(name)).toBe('stopped');
  await virtualMachines.deallocate(resourceGroup, name, { updateIntervalInMs: 10 });
  expect(await seen(name)).toBe('deallocated');
  await virtualMachines.delete(resourceGroup, name, { updateIntervalInMs: 10 });
  expect(await seen(name)).toBe('gone');
  expect(await seen('never')).toBe('gone');
});

test('a spot machine that Azure evicts runs during its notice, and is gone after it', async () => {
  const name = await machine(true);
  await virtualMachines.simulateEviction(resourceGroup, name);
  expect(await seen(name)).toBe('running');
  await eventually(async () => expect(await seen(name)).toBe('gone'));
});

test('nobody silent costs no call, and many silent ones cost one list in a while', async () => {
  const sights = createMachineSights(azure, 60_000);
  const before = lists();
  for (let round = 0; round < 50; round++) sights.look(subscriptionId, new Map());
  await new Promise((resolve) => setImmediate(resolve));
  expect(lists()).toBe(before);
  for (let round = 0; round < 50; round++) {
    sights.look(subscriptionId, new Map(Array.from({ length: 20 }, (_, index) => [`silent${index}`, Date.now()])));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(async () => expect(lists()).toBe(before + 1));
});

test('what was seen before an agent fell silent says nothing', async () => {
  const name = await machine();
  const sights = createMachineSights(azure, 60_000);
  const ask = (since: number) => sights.look(subscriptionId, new Map([[name, since]])).sights.get(name)?.state;
  const since = Date.now();
  await eventually(async () => expect(ask(since)).toBe('running'));
  expect(ask(Date.now() + 1)).toBeUndefined();
});

test('a list that fails makes no machine look gone; why is told once', async () => {
  const name = await machine();
  addFault({
    match: { operation: 'VirtualMachines_ListAll' },
    effect: { kind: 'reject', status: 403, code: 'AuthorizationFailed', message: 'No right to list.' },
    times: 1,
  });
  const sights = createMachineSights(azure, 20);
  const since = Date.now();
  const ask = () => sights.look(subscriptionId, new Map([[name, since]]));
  expect(ask().sights.size).toBe(0);
  const problem = await eventually(async () => {
    const told = ask().problem;
    expect(told).toBeDefined();
    return told;
  });
  expect(problem).toContain('No right to list.');
  await eventually(async () => expect(ask().sights.get(name)?.state).toBe('running'));
  expect(ask().problem).toBeUndefined();
});
