import type { RecordedEvent, RecordedHistory } from './format.ts';

/** Reads a recorded history: what was asked, what came of it, and how it stands at its end. */

type Json = Record<string, unknown>;

/** One activity of a history. */
export interface RecordedActivity {
  name: string;
  outcome: 'open' | 'completed' | 'failed' | 'timedOut' | 'cancelled';
  result?: unknown;
  /** Type of the failure, such as `QuotaExceeded`. */
  failure?: string;
  scheduledAt: number;
  /** Number of the event that ended it; `Infinity` while it is open. */
  endedAt: number;
}

/** One child workflow, as its parent's history shows it. */
export interface RecordedChild {
  type: string;
  outcome: 'open' | 'refused' | 'started' | 'closed';
  startedAt: number;
}

/** One timer. */
export interface RecordedTimer {
  summary: string;
  outcome: 'open' | 'fired' | 'cancelled';
}

/** One update that the workflow took up. */
export interface RecordedUpdate {
  name: string;
  id: string;
  outcome: 'open' | 'completed' | 'failed';
  acceptedAt: number;
}

/** A history, read. */
export interface Reading {
  type: string;
  input: Json;
  ending: 'open' | 'completed' | 'continuedAsNew' | 'other';
  /** Of a workflow that completed. */
  result: unknown;
  length: number;
  activities(name: string): RecordedActivity[];
  children: RecordedChild[];
  timers: RecordedTimer[];
  updates: RecordedUpdate[];
  /** Arguments of each signal of this name. */
  signals(name: string): Json[];
  /** Arguments of each signal of this name that it sent to another workflow. */
  signalled(name: string): Json[];
  cancelRequested: boolean;
  /** Values that it gave to one of its search attributes, the last one last; its first value comes with its start. */
  shown(attribute: string): unknown[];
}

const attributesOf = (event: RecordedEvent): Json => {
  const name = Object.keys(event).find((key) => key.endsWith('EventAttributes'));
  return name === undefined ? {} : (event[name] as Json);
};

const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((found, step) => (found as Json | undefined)?.[step], value);

/** The values of a list of payloads. */
const values = (payloads: unknown): unknown[] =>
  ((at(payloads, 'payloads') ?? []) as { $json?: unknown }[]).map(({ $json }) => $json);

const text = (value: unknown) => (typeof value === 'string' ? value : '');
const number = (value: unknown) => Number(value ?? 0);

/** Reads a history. */
export function read({ events }: RecordedHistory): Reading {
  const activities = new Map<number, RecordedActivity>();
  const timers = new Map<number, RecordedTimer>();
  const children = new Map<number, RecordedChild>();
  const updates = new Map<number, RecordedUpdate>();
  const messages: { to: 'self' | 'other'; name: string; argument: Json }[] = [];
  const shown: Record<string, unknown>[] = [];
  let ending: Reading['ending'] = 'open';
  let result: unknown;
  let cancelRequested = false;

  for (const event of events) {
    const id = number(event.eventId);
    const attributes = attributesOf(event);
    const endActivity = (outcome: RecordedActivity['outcome'], more: Partial<RecordedActivity> = {}) => {
      const activity = activities.get(number(attributes['scheduledEventId']));
      if (activity) Object.assign(activity, { outcome, endedAt: id, ...more });
    };
    const setChild = (outcome: RecordedChild['outcome']) => {
      const child = children.get(number(attributes['initiatedEventId']));
      if (child) Object.assign(child, { outcome, ...(outcome === 'started' ? { startedAt: id } : {}) });
    };
    switch (event.eventType.replace(/^EVENT_TYPE_/, '')) {
      case 'WORKFLOW_EXECUTION_STARTED':
      case 'UPSERT_WORKFLOW_SEARCH_ATTRIBUTES': {
        const fields = (at(attributes, 'searchAttributes', 'indexedFields') ?? {}) as Record<
          string,
          { $json?: unknown }
        >;
        shown.push(Object.fromEntries(Object.entries(fields).map(([name, { $json }]) => [name, $json])));
        break;
      }
      case 'ACTIVITY_TASK_SCHEDULED':
        activities.set(id, {
          name: String(at(attributes, 'activityType', 'name')),
          outcome: 'open',
          scheduledAt: id,
          endedAt: Infinity,
        });
        break;
      case 'ACTIVITY_TASK_COMPLETED':
        endActivity('completed', { result: values(attributes['result'])[0] });
        break;
      case 'ACTIVITY_TASK_FAILED':
        endActivity('failed', { failure: String(at(attributes, 'failure', 'applicationFailureInfo', 'type')) });
        break;
      case 'ACTIVITY_TASK_TIMED_OUT':
        endActivity('timedOut');
        break;
      case 'ACTIVITY_TASK_CANCELED':
        endActivity('cancelled');
        break;
      case 'TIMER_STARTED':
        timers.set(id, { summary: text(at(event, 'userMetadata', 'summary', '$json')), outcome: 'open' });
        break;
      case 'TIMER_FIRED':
      case 'TIMER_CANCELED': {
        const timer = timers.get(number(attributes['startedEventId']));
        if (timer) timer.outcome = event.eventType.endsWith('FIRED') ? 'fired' : 'cancelled';
        break;
      }
      case 'START_CHILD_WORKFLOW_EXECUTION_INITIATED':
        children.set(id, {
          type: String(at(attributes, 'workflowType', 'name')),
          outcome: 'open',
          startedAt: Infinity,
        });
        break;
      case 'START_CHILD_WORKFLOW_EXECUTION_FAILED':
        setChild('refused');
        break;
      case 'CHILD_WORKFLOW_EXECUTION_STARTED':
        setChild('started');
        break;
      case 'CHILD_WORKFLOW_EXECUTION_COMPLETED':
        setChild('closed');
        break;
      case 'WORKFLOW_EXECUTION_SIGNALED':
        messages.push({
          to: 'self',
          name: String(attributes['signalName']),
          argument: values(attributes['input'])[0] as Json,
        });
        break;
      case 'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED':
        messages.push({
          to: 'other',
          name: String(attributes['signalName']),
          argument: values(attributes['input'])[0] as Json,
        });
        break;
      case 'WORKFLOW_EXECUTION_UPDATE_ACCEPTED':
        updates.set(id, {
          name: String(at(attributes, 'acceptedRequest', 'input', 'name')),
          id: String(attributes['protocolInstanceId']),
          outcome: 'open',
          acceptedAt: id,
        });
        break;
      case 'WORKFLOW_EXECUTION_UPDATE_COMPLETED': {
        const update = updates.get(number(attributes['acceptedEventId']));
        if (update) update.outcome = at(attributes, 'outcome', 'failure') === undefined ? 'completed' : 'failed';
        break;
      }
      case 'WORKFLOW_EXECUTION_CANCEL_REQUESTED':
        cancelRequested = true;
        break;
      case 'WORKFLOW_EXECUTION_COMPLETED':
        ending = 'completed';
        result = values(attributes['result'])[0];
        break;
      case 'WORKFLOW_EXECUTION_CONTINUED_AS_NEW':
        ending = 'continuedAsNew';
        break;
      case 'WORKFLOW_EXECUTION_FAILED':
      case 'WORKFLOW_EXECUTION_TERMINATED':
      case 'WORKFLOW_EXECUTION_TIMED_OUT':
      case 'WORKFLOW_EXECUTION_CANCELED':
        ending = 'other';
        break;
    }
  }
  const [first] = events;
  const started = first ? attributesOf(first) : {};
  const sent = (to: 'self' | 'other', name: string) =>
    messages.filter((message) => message.to === to && message.name === name).map(({ argument }) => argument);
  return {
    type: String(at(started, 'workflowType', 'name')),
    input: (values(started['input'])[0] ?? {}) as Json,
    ending,
    result,
    length: events.length,
    activities: (name) => [...activities.values()].filter((activity) => activity.name === name),
    children: [...children.values()],
    timers: [...timers.values()],
    updates: [...updates.values()],
    signals: (name) => sent('self', name),
    signalled: (name) => sent('other', name),
    cancelRequested,
    shown: (attribute) => shown.flatMap((fields) => (attribute in fields ? [fields[attribute]] : [])),
  };
}

/** What a workflow task writes; everything else comes from outside. */
const writtenByTask =
  /^EVENT_TYPE_(ACTIVITY_TASK_(SCHEDULED|CANCEL_REQUESTED)|TIMER_(STARTED|CANCELED)|MARKER_RECORDED|START_CHILD_WORKFLOW_EXECUTION_INITIATED|(SIGNAL|REQUEST_CANCEL)_EXTERNAL_WORKFLOW_EXECUTION_INITIATED|UPSERT_WORKFLOW_SEARCH_ATTRIBUTES|WORKFLOW_PROPERTIES_MODIFIED|WORKFLOW_EXECUTION_(UPDATE_(ACCEPTED|COMPLETED|REJECTED)|COMPLETED|FAILED|CANCELED|CONTINUED_AS_NEW))$/;

/**
 * The history as it stood after each of its workflow tasks, the shortest first and the whole one last. A history only
 * ever grows at its end, so this is what the engine would have answered at that moment.
 */
export function moments({ events }: RecordedHistory): RecordedHistory[] {
  const found: RecordedHistory[] = [];
  let completed = false;
  events.forEach((event, index) => {
    if (event.eventType === 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED') completed = true;
    const next = events[index + 1];
    if (!completed || (next && writtenByTask.test(next.eventType))) return;
    completed = false;
    found.push({ events: events.slice(0, index + 1) });
  });
  const last = found.at(-1);
  return last && last.events.length === events.length ? found : [...found, { events }];
}
