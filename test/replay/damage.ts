import type { RecordedEvent, RecordedHistory } from './format.ts';

/** Histories that are not what the code did, for proving that a replay finds out. */

/** The commands of a workflow that can be taken out of a history with what came of them. */
export const commandTypes = [
  'ACTIVITY_TASK_SCHEDULED',
  'TIMER_STARTED',
  'START_CHILD_WORKFLOW_EXECUTION_INITIATED',
  'SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
  'UPSERT_WORKFLOW_SEARCH_ATTRIBUTES',
  'MARKER_RECORDED',
] as const;

/** The history without its first command of this type, as if that had never been; nothing when there is none. */
export function withoutCommand({ events }: RecordedHistory, type: (typeof commandTypes)[number]): RecordedHistory[] {
  const command = events.find(({ eventType }) => eventType === `EVENT_TYPE_${type}`);
  if (!command) return [];
  const kept = events.filter((event) => event !== command && !cameOf(event, command));
  const numbers = new Map(kept.map(({ eventId }, index) => [eventId, String(index + 1)]));
  return [{ events: kept.map((event) => renumbered(event, numbers) as RecordedEvent) }];
}

/** Attributes in which an event names the one that it came of. */
const references = ['scheduledEventId', 'startedEventId', 'initiatedEventId'];

function cameOf(event: RecordedEvent, { eventId }: RecordedEvent): boolean {
  return Object.values(event).some(
    (attributes) =>
      typeof attributes === 'object' &&
      attributes !== null &&
      references.some((name) => (attributes as Record<string, unknown>)[name] === eventId),
  );
}

/** The event with its own number and those that it names as they are now. */
function renumbered(value: unknown, numbers: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => renumbered(item, numbers));
  if (typeof value !== 'object' || value === null || '$json' in value) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      /[eE]ventId$/.test(name) && typeof field === 'string'
        ? (numbers.get(field) ?? field)
        : renumbered(field, numbers),
    ]),
  );
}
