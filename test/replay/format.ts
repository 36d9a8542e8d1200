import proto, { type temporal } from '@temporalio/proto';

/**
 * How a recorded history is kept: as JSON, one event a line, with the engine's own names and with payloads spelled out, so
 * that a person can read them and a difference shows in a diff. What varies from machine to machine, and what replay does
 * not look at and is large, is left out.
 *
 * The SDK's own `historyFromJSON` is not used: it throws `type must be a Type` where npm installs one protobufjs for each
 * package of the SDK, as it does here.
 */

/** An event, its payloads spelled out. */
export interface RecordedEvent {
  eventId: string;
  eventTime: string;
  eventType: string;
  [attributes: string]: unknown;
}

/** A recorded history. */
export interface RecordedHistory {
  events: RecordedEvent[];
}

/** What the client fetches and the replayer takes. */
export type EngineHistory = temporal.api.history.v1.IHistory;

const { History } = proto.temporal.api.history.v1;

/** Texts that belong to the machine or the run on which was recorded, each with what stands for it. */
export type Replacements = readonly (readonly [text: string, instead: string])[];

/** Stands for every worker and client: the engine notes process id and host name. */
export const recordedIdentity = 'recorded';

/** Fields that replay does not look at: where and by what an event came about, and traces with paths of the machine. */
const leftOut = new Set([
  'taskId',
  'version',
  'requestId',
  'attachedRequestIds',
  'links',
  'stackTrace',
  'workerVersion',
  'workerInstanceKey',
  'binaryChecksum',
  'meteringMetadata',
  'prevAutoResetPoints',
  'historySizeBytes',
  'principal',
]);

/** Spells a history out, without what belongs to the machine. */
export function toRecorded(history: EngineHistory, replacements: Replacements): RecordedHistory {
  const { events } = History.toObject(History.fromObject(history), { longs: String, enums: String, bytes: String }) as {
    events: RecordedEvent[];
  };
  return {
    events: events.map((event) => ({
      ...(spellOut(event, replacements) as RecordedEvent),
      eventTime: toIso(event.eventTime as unknown as Timestamp),
    })),
  };
}

/** A recorded history as the replayer takes it. */
export function fromRecorded({ events }: RecordedHistory): EngineHistory {
  return History.fromObject({
    events: events.map((event) => ({ ...(encodePayloads(event) as object), eventTime: fromIso(event.eventTime) })),
  });
}

interface Timestamp {
  seconds?: string;
  nanos?: number;
}

/** Workflows see whole milliseconds. */
const toIso = ({ seconds = '0', nanos = 0 }: Timestamp) =>
  new Date(Number(seconds) * 1_000 + Math.floor(nanos / 1e6)).toISOString();

function fromIso(text: string): Timestamp {
  const ms = Date.parse(text);
  return { seconds: String(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1e6 };
}

/** The text of the file: one event a line. */
export function textOf({ events }: RecordedHistory): string {
  return `{"events":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`;
}

interface Payload {
  metadata: Record<string, string>;
  data?: string;
}

/** A payload spelled out: its value, and its metadata where it has more than the encoding. */
interface SpelledPayload {
  $json: unknown;
  $metadata?: Record<string, string>;
}

const fromBase64 = (text: string) => Buffer.from(text, 'base64').toString();
const toBase64 = (text: string) => Buffer.from(text).toString('base64');
const mapValues = <T>(record: Record<string, T>, map: (value: T) => T) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPayload(value: Record<string, unknown>): value is Record<string, unknown> & Payload {
  return isObject(value['metadata']) && typeof value['metadata']['encoding'] === 'string';
}

function spellOut(value: unknown, replacements: Replacements): unknown {
  if (typeof value === 'string') return replaced(value, replacements);
  if (Array.isArray(value)) return value.map((item) => spellOut(item, replacements));
  if (!isObject(value)) return value;
  if (isPayload(value)) return spellPayload(value, replacements);
  const kept: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    // An event without attributes of its own still has to say of which kind it is.
    if (leftOut.has(name) || (isEmpty(field) && !name.endsWith('EventAttributes'))) continue;
    if (name === 'identity') kept[name] = recordedIdentity;
    // A sticky queue is named after the worker's host; replay has no queues.
    else if (name === 'taskQueue' && isObject(field)) kept[name] = { name: field['normalName'] ?? field['name'] };
    else kept[name] = spellOut(field, replacements);
  }
  return kept;
}

function isEmpty(field: unknown): boolean {
  return field === '' || field === null || (isObject(field) && Object.keys(field).length === 0);
}

function spellPayload({ metadata, data = '' }: Payload, replacements: Replacements): Payload | SpelledPayload {
  const { encoding = '', ...rest } = metadata;
  if (fromBase64(encoding) !== 'json/plain') return { metadata, data };
  return {
    $json: JSON.parse(replaced(fromBase64(data), replacements)) as unknown,
    ...(Object.keys(rest).length > 0 ? { $metadata: mapValues(rest, fromBase64) } : {}),
  };
}

function encodePayloads(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(encodePayloads);
  if (!isObject(value)) return value;
  if ('$json' in value) {
    const { $json, $metadata = {} } = value as unknown as SpelledPayload;
    return {
      metadata: mapValues({ encoding: 'json/plain', ...$metadata }, toBase64),
      data: toBase64(JSON.stringify($json)),
    };
  }
  return isPayload(value) ? value : Object.fromEntries(Object.entries(value).map(([k, v]) => [k, encodePayloads(v)]));
}

function replaced(text: string, replacements: Replacements): string {
  return replacements.reduce((result, [found, instead]) => result.replaceAll(found, instead), text);
}
