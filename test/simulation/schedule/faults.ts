import type { Fault } from '../../../emulator/core/context.ts';
import { minute, type Draw } from './draw.ts';
import type { Intensity } from './intensity.ts';
import type { Schedule } from './schedule.ts';

const second = 1_000;

type ScheduledFault = Schedule['faults'][number];
type Match = Fault['match'];
type Effect = Fault['effect'];

/** One thing that is broken, before it is known when and how often. */
interface Broken {
  match: Match;
  effect: Effect;
  /** The most often that it may strike, where more would break a promise of the cloud itself. */
  most?: number;
  /** Strikes always, and only for this long at most. */
  outageMs?: number;
}

/** A kind of fault: a row of the fault model, and how the embedded cloud is told to show it. */
export interface FaultKind {
  /** Its row in the fault model, F1 to F20. */
  row: string;
  /** What happens, for people. */
  what: string;
  /** How much less often than the others it is drawn; 1 where absent. */
  weight?: number;
  draw(draw: Draw): Broken[];
}

const arm: Match = { service: 'arm' };
const create: Match = { operation: 'VirtualMachines_CreateOrUpdate' };
/** Now and then a fault strikes one kind of machine only: a pool that may have others must go on. */
function one(draw: Draw): Match {
  const own = draw.part('place');
  if (!own.happens(0.4)) return create;
  const narrow = own.pick<Match>([
    { zone: own.pick(['1', '2', '3']) },
    { vmSize: own.pick(['Standard_D2ads_v5', 'Standard_D2ds_v5', 'Standard_E4ads_v5', 'Standard_D2s_v3']) },
    { priority: 'Spot' },
    { priority: 'Regular' },
    { priority: 'Spot', zone: own.pick(['1', '2']) },
  ]);
  return { ...create, ...narrow };
}

const remove: Match = { operation: 'VirtualMachines_Delete' };
const devops = (operation: string): Match => ({ service: 'azure-devops', operation });

/** Only the controller calls these. What strikes agents too must leave them a chance within their ten tries. */
const controllerOperations = [
  'Agents_List',
  'Agents_Add',
  'Agents_Replace',
  'Agents_Update',
  'Agents_Delete',
  'JobRequests_List',
  'Pools_*',
  'Queues_*',
  'Projects_List',
  'PipelinePermissions_*',
  'Builds_Update',
].map(devops);

/** Agents call again ten times, so this leaves one call in a hundred thousand without an answer. */
const mostForAgents = 0.3;

/**
 * Every call of Azure DevOps but one: an agent that cannot say goodbye after its job may be given another job that it
 * will never take, and nobody but Azure DevOps could prevent that.
 */
const everyDevopsCall: readonly Match[] = [
  ...['GET', 'POST', 'PATCH', 'PUT'].map((method): Match => ({ service: 'azure-devops', method })),
  ...['Agents_Delete', 'Pools_Delete', 'Queues_Delete'].map(devops),
];
const everywhere = (effect: Effect): Broken[] =>
  everyDevopsCall.map((match) => ({ match, effect, most: mostForAgents }));

/** Calls that change something, whose answer may be lost after they did. */
const writes = [
  create,
  remove,
  ...['Disks_Delete', 'NetworkInterfaces_Delete', 'VirtualMachines_Update'].map((operation): Match => ({ operation })),
  ...['Agents_Add', 'Agents_Replace', 'Agents_Update', 'Agents_Delete', 'Pools_Add', 'Pools_Delete'].map(devops),
  ...['Queues_Add', 'Queues_Delete', 'PipelinePermissions_Update', 'Builds_Update'].map(devops),
];

const reject = (status: number, code: string, more: { message?: string; retryAfterSeconds?: number } = {}): Effect => ({
  kind: 'reject',
  status,
  code,
  ...more,
});
const fails = (code: string, message?: string): Effect => ({
  kind: 'longRunningOperation',
  outcome: 'failed',
  code,
  ...(message === undefined ? {} : { message }),
});

const quotaMessage =
  'Operation could not be completed as it results in exceeding approved standardDADSv5Family Cores quota. Current Limit: 16, Current Usage: 16.';
const zeroQuotaMessage =
  'Operation could not be completed as it results in exceeding approved standardDADSv5Family Cores quota. Current Limit: 0, Current Usage: 0.';

/** Every kind of fault that the embedded cloud shows. Disturbances and the engine's own weaknesses are drawn apart. */
export const faultKinds: Record<string, FaultKind> = {
  throttled: {
    row: 'F1',
    what: '429 with Retry-After on any call of Azure, on creates or deletes alone, or on Azure DevOps',
    draw: (draw) => {
      const wait = { retryAfterSeconds: draw.scaled(1, 60) };
      return draw.pick<() => Broken[]>([
        () => [{ match: arm, effect: reject(429, 'TooManyRequests', wait) }],
        () => [{ match: create, effect: reject(429, 'OperationNotAllowed', wait) }],
        () => [{ match: remove, effect: reject(429, 'OperationNotAllowed', wait) }],
        () => everywhere(reject(429, 'TF400733', wait)),
        // No `Retry-After`: the product waits by its own rule.
        () => [{ match: arm, effect: reject(429, 'TooManyRequests') }],
      ])();
    },
  },
  delayed: {
    row: 'F1',
    what: 'Azure DevOps answers, and asks in headers to slow down',
    draw: (draw) => everywhere(reject(200, 'Delayed', { retryAfterSeconds: draw.scaled(1, 30) })),
  },
  unavailable: {
    row: 'F2',
    what: '500, 502, 503, 504 before the effect',
    draw: (draw) => {
      const status = draw.pick([500, 502, 503, 504]);
      const effect = reject(status, draw.pick(['InternalServerError', 'ServerTimeout', 'ServiceUnavailable']));
      return draw.some([[{ match: arm, effect }], everywhere(effect)], 0.7).flat();
    },
  },
  cut: {
    row: 'F2',
    what: 'connections cut under reads',
    draw: (draw) =>
      draw.some<Broken>(
        [
          { match: { service: 'arm', method: 'GET' }, effect: { kind: 'loseResponse' } },
          {
            match: { service: 'azure-devops', method: 'GET' },
            effect: { kind: 'loseResponse' },
            most: mostForAgents,
          },
        ],
        0.7,
      ),
  },
  outage: {
    row: 'F2',
    what: 'a service refuses every call of the controller, for seconds to minutes',
    draw: (draw) => {
      const effect = reject(503, 'ServiceUnavailable');
      const outageMs = draw.time(20 * second, 4 * minute);
      const matches = draw.happens(0.5) ? [arm] : controllerOperations;
      return matches.map((match) => ({ match, effect, outageMs }));
    },
  },
  lostAnswer: {
    row: 'F3',
    what: 'a call that changes something takes effect, and its answer is lost',
    draw: (draw) => draw.some(writes, 0.35).map((match) => ({ match, effect: { kind: 'loseResponse' } })),
  },
  createFails: {
    row: 'F4',
    what: 'a create is accepted and fails later',
    draw: (draw) => [
      {
        match: create,
        effect: draw.pick([
          fails('OperationNotAllowed', quotaMessage),
          fails('OSProvisioningTimedOut'),
          fails('InternalExecutionError'),
          fails('NetworkingInternalOperationError'),
          fails('VMExtensionProvisioningError'),
          fails('SomethingNew'),
        ]),
      },
    ],
  },
  createRefused: {
    row: 'F4',
    what: 'a create is refused at once: quota, policy, subnet, image, reserved network interface',
    draw: (draw) => [
      {
        match: one(draw),
        effect: draw.pick([
          reject(409, 'OperationNotAllowed', { message: quotaMessage }),
          reject(403, 'RequestDisallowedByPolicy'),
          reject(400, 'SubnetIsFull'),
          reject(404, 'ImageNotFound'),
          reject(400, 'NicReservedForAnotherVm'),
          reject(409, 'ReferencedResourceNotProvisioned'),
          reject(400, 'SomethingNew'),
        ]),
      },
    ],
  },
  noCapacity: {
    row: 'F4',
    what: 'no capacity, no such size, a quota of zero: failures that hold an image back for an hour and more',
    weight: 0.3,
    draw: (draw) => [
      {
        match: one(draw),
        effect: draw.pick([
          fails('AllocationFailed'),
          fails('ZonalAllocationFailed'),
          reject(409, 'OverconstrainedAllocationRequest'),
          reject(409, 'SkuNotAvailable'),
          reject(409, 'OperationNotAllowed', { message: zeroQuotaMessage }),
        ]),
      },
    ],
  },
  stuckCreate: {
    row: 'F5',
    what: 'a create never ends',
    draw: () => [{ match: create, effect: { kind: 'longRunningOperation', outcome: 'stuck' }, most: 0.3 }],
  },
  stuckDelete: {
    row: 'F5',
    what: 'a delete never ends, until it is asked for again',
    weight: 0.5,
    draw: () => [{ match: remove, effect: { kind: 'longRunningOperation', outcome: 'stuck' }, most: 0.2 }],
  },
  forgottenOperation: {
    row: 'F5',
    what: 'Azure has forgotten the operation that it accepted: its status is 404',
    draw: () => [{ match: { operation: 'Operations_Get' }, effect: reject(404, 'NotFound') }],
  },
  slow: {
    row: 'F19',
    what: 'creates and deletes take many times as long',
    draw: (draw) =>
      draw.some([create, remove], 0.7).map((match) => ({
        match,
        effect: { kind: 'longRunningOperation', outcome: 'slow', factor: draw.scaled(2, 8) },
      })),
  },
  noAgent: {
    row: 'F6',
    what: 'a machine boots and its agent never registers',
    draw: () => [{ match: {}, effect: { kind: 'bootWithoutAgent' }, most: 0.4 }],
  },
  agentDies: {
    row: 'F6',
    what: 'an agent registers and is gone some time later, with or without a job',
    draw: (draw) => [{ match: {}, effect: { kind: 'agentDies', afterMs: draw.time(second, 5 * minute) }, most: 0.4 }],
  },
  deleteConflict: {
    row: 'F8',
    what: 'another operation holds the machine or its parts: 409 on deletes',
    draw: (draw) =>
      draw
        .some<Match>([remove, { operation: 'Disks_Delete' }, { operation: 'NetworkInterfaces_Delete' }], 0.7)
        .map((match) => ({ match, effect: reject(409, 'AnotherOperationInProgress') })),
  },
  deleteFails: {
    row: 'F8',
    what: 'a delete is accepted and fails later; machine or part stays',
    draw: (draw) =>
      draw
        .some<Match>([remove, { operation: 'Disks_Delete' }, { operation: 'NetworkInterfaces_Delete' }], 0.7)
        .map((match) => ({ match, effect: fails(draw.pick(['InternalExecutionError', 'OperationPreempted'])) })),
  },
  staleList: {
    row: 'F9',
    what: 'lists answer as of some time ago',
    draw: (draw) =>
      draw
        .some([{ operation: 'Resources_List' }, devops('Agents_List'), devops('JobRequests_List')], 0.6)
        .map((match) => ({ match, effect: { kind: 'staleList', ageMs: draw.time(second, 5 * minute) } })),
  },
  partialList: {
    row: 'F9',
    what: 'a page of a list fails',
    draw: (draw) =>
      draw
        .some([{ operation: 'Resources_List' }, devops('Agents_List'), devops('JobRequests_List')], 0.7)
        .map((match) => ({ match, effect: reject(503, 'ServiceUnavailable') })),
  },
  roleLost: {
    row: 'F11',
    what: 'the identity loses its role: 403 on writes, for minutes',
    draw: (draw) =>
      draw
        .some<Match>(
          [create, remove, { operation: 'Resources_List' }, ...['Agents_Add', 'Agents_Delete'].map(devops)],
          0.5,
        )
        .map((match) => ({
          match,
          effect: reject(403, match.service === 'azure-devops' ? 'AccessDeniedException' : 'AuthorizationFailed'),
          outageMs: draw.time(minute, 8 * minute),
        })),
  },
  credential: {
    row: 'F13',
    what: '401: the token expired under way, or the secret was rotated',
    draw: (draw) => {
      const outage = draw.happens(0.5) ? { outageMs: draw.time(10 * second, 3 * minute) } : {};
      return draw.happens(0.5)
        ? [{ match: arm, effect: reject(401, 'ExpiredAuthenticationToken'), ...outage }]
        : controllerOperations.map((match) => ({ match, effect: reject(401, 'TF400813'), ...outage }));
    },
  },
};

/** The cloud's faults of one run: some kinds, each with a rate and its windows. */
export function drawFaults(draw: Draw, intensity: Intensity, chaosMs: number): ScheduledFault[] {
  return Object.entries(faultKinds).flatMap(([name, kind]) => {
    const own = draw.part(name);
    if (!own.happens(intensity.kinds * (kind.weight ?? 1))) return [];
    const rate = rateOf(own, intensity);
    const windows = windowsOf(own, chaosMs);
    const moment = own.whole(0, Math.max(0, chaosMs - minute));
    return kind.draw(own).flatMap((broken) => inForce(name, broken, rate, windows, moment, chaosMs));
  });
}

function inForce(
  kind: string,
  { match, effect, most = 1, outageMs }: Broken,
  rate: number,
  windows: readonly [number, number][],
  moment: number,
  chaosMs: number,
): ScheduledFault[] {
  if (outageMs !== undefined) {
    return [{ kind, from: moment, until: Math.min(chaosMs, moment + outageMs), fault: { match, effect } }];
  }
  // An agent that is doomed at its start dies later: it must do so while faults still strike.
  const end = effect.kind === 'agentDies' ? chaosMs - effect.afterMs - minute : chaosMs;
  return windows
    .filter(([from]) => from < end)
    .map(([from, until]) => ({
      kind,
      from,
      until: Math.min(until, end),
      fault: { match, effect, probability: Math.min(rate, most) },
    }));
}

function rateOf(draw: Draw, { rate: [least, most] }: Intensity): number {
  return Math.round(1_000 * least * (most / least) ** draw.uniform()) / 1_000;
}

/** Mostly all the time, sometimes in bursts; seldom before the pools have their first documents. */
function windowsOf(draw: Draw, chaosMs: number): [number, number][] {
  if (draw.happens(0.6)) return [[draw.happens(0.2) ? 0 : draw.whole(30 * second, Math.round(chaosMs / 3)), chaosMs]];
  return Array.from({ length: draw.whole(1, 3) }, (): [number, number] => {
    const from = draw.whole(0, chaosMs - 10 * second);
    return [from, Math.min(chaosMs, from + draw.time(10 * second, 10 * minute))];
  });
}
