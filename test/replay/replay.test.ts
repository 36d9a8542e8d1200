import { readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
  Worker,
  type ReplayWorkerOptions,
} from '@temporalio/worker';
import { workflowTypes } from '../../domain/messages.ts';
import * as workflows from '../../workflows/index.ts';
import { corpusFolder, readHistory, readManifest, type ManifestEntry } from './corpus.ts';
import { commandTypes, withoutCommand } from './damage.ts';
import { fromRecorded, recordedIdentity, textOf, type RecordedHistory } from './format.ts';
import { auditScenarios } from './audit-scenarios.ts';
import { leaks } from './leaks.ts';
import { moments, read } from './reading.ts';
import { agentScenarios, organizationScenarios, poolScenarios } from './scenarios.ts';
import { statefulScenarios } from './stateful-scenarios.ts';
import { verbScenarios } from './verb-scenarios.ts';
import { stateNames, states } from './states.ts';

/** Every recorded history, replayed on the workflow code of the working tree. Needs no engine. */

jest.setTimeout(120_000);

/** Folders with a manifest: the corpus itself, and one per release. */
const folders = [
  corpusFolder,
  ...readdirSync(corpusFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !(entry.name in states))
    .map(({ name }) => join(corpusFolder, name)),
];
const entries = folders.flatMap((folder) => readManifest(folder).map((entry) => ({ folder, entry })));
const current = readManifest(corpusFolder);

/** The most that one recording may take on disk: a clone stays small, a diff readable. */
const mostBytes = 2_000_000;

let options: ReplayWorkerOptions;

beforeAll(async () => {
  // Damaged histories are replayed on purpose; what the SDK says of them would look like a failure of the tests.
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => {}),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }) } },
  });
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('WARN'),
  });
  options = { workflowBundle };
});

/** Moments of one history that are replayed; each replay repeats the ones before it. */
const momentsMax = 4;

/** At most `count` of them, evenly spread. */
function spread<T>(all: readonly T[], count: number): T[] {
  const step = Math.max(1, all.length / count);
  return all.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

/** What is wrong with each history, in order; `undefined` where it replays. */
async function replay(histories: readonly RecordedHistory[]): Promise<(string | undefined)[]> {
  const given = histories.map((history, index) => ({ workflowId: String(index), history: fromRecorded(history) }));
  const found: (string | undefined)[] = [];
  for await (const { error } of Worker.runReplayHistories(options, given)) found.push(error?.message);
  expect(found).toHaveLength(histories.length);
  return found;
}

const article = (workflow: string) => (/^[aeiou]/.test(workflow) ? 'an' : 'a');
const named = ({ folder, entry }: { folder: string; entry: ManifestEntry }) => {
  const that = states[entry.workflow]?.[entry.state]?.that ?? `was ${entry.state}`;
  const version = folder === corpusFolder ? '' : `, of ${folder.slice(corpusFolder.length + 1)},`;
  return `${article(entry.workflow)} ${entry.workflow} that ${that}${version} replays`;
};

describe('recorded histories', () => {
  test.each(entries.map((one) => [named(one), one] as const))('%s', async (_name, { folder, entry }) => {
    const history = readHistory(folder, entry);

    expect(await replay([history])).toEqual([undefined]);
    // A state of a release that is no more is replayed all the same.
    const state = states[entry.workflow]?.[entry.state];
    if (state) expect(state.shows(read(history))).toBe(true);
  });

  test('replay from moments in between, as a worker takes a workflow up at any of them', async () => {
    const histories = current.flatMap((entry) => spread(moments(readHistory(corpusFolder, entry)), momentsMax));
    expect(histories.length).toBeGreaterThan(current.length);

    const errors = (await replay(histories)).filter((error) => error !== undefined);

    expect(errors).toEqual([]);
  });
});

describe('the corpus', () => {
  test('has a history of every state of every workflow type', () => {
    expect(Object.keys(workflows).toSorted()).toEqual(Object.keys(states).toSorted());
    expect(Object.values(workflowTypes).toSorted()).toEqual(Object.keys(states).toSorted());
    expect(current.map(({ workflow, state }) => `${workflow}/${state}`).toSorted()).toEqual(stateNames.toSorted());
  });

  test('can be recorded again: each state has a scenario that brings it about', () => {
    const scenarios = {
      ...agentScenarios,
      ...statefulScenarios,
      ...verbScenarios,
      ...auditScenarios,
      ...organizationScenarios,
      ...poolScenarios,
    };
    const served = new Set(Object.values(scenarios).flatMap(({ serves }) => serves));
    expect([...served].toSorted()).toEqual(stateNames.toSorted());
  });

  test('is what its manifest says, and small', () => {
    const filesBelow = (folder: string) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name !== 'manifest.json')
        .map(({ parentPath, name }) => join(parentPath, name));
    const listed = entries.map(({ folder, entry }) => join(folder, entry.file));
    expect(filesBelow(corpusFolder).toSorted()).toEqual(listed.toSorted());

    for (const folder of folders) {
      const all = readManifest(folder).map((entry) => ({ entry, history: readHistory(folder, entry) }));
      expect(all.map(({ entry }) => entry.events)).toEqual(all.map(({ history }) => history.events.length));
      expect(all.reduce((sum, { history }) => sum + textOf(history).length, 0)).toBeLessThan(mostBytes);
    }
  });

  test('holds no secret, no path and no name of the machine on which it was recorded', () => {
    for (const { folder, entry } of entries) {
      const text = readFileSync(join(folder, entry.file), 'utf8');
      expect(text).not.toMatch(/ODPCANARY|inverseQ|PRIVATE KEY|stackTrace|127\.0\.0\.1:\d{2}|localhost:|"\/tmp\//);
      const identities = new Set([...text.matchAll(/"identity":"([^"]*)"/g)].map(([, identity]) => identity));
      expect([...identities]).toEqual([recordedIdentity]);
    }
  });
});

describe('the recorder', () => {
  const history = (input: object): Map<string, RecordedHistory> => {
    const attributes = { workflowExecutionStartedEventAttributes: { input: { payloads: [input] } } };
    const event = { eventId: '1', eventTime: '', eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED', ...attributes };
    return new Map([['pool/accepted', { events: [event] }]]);
  };

  test('refuses a history that holds a secret, a name of the machine, or what nobody can search', () => {
    expect(leaks(history({ $json: { url: 'http://azure-devops.invalid' } }), ['planted'])).toEqual([]);
    expect(leaks(history({ $json: { token: 'planted' } }), ['planted'])).toEqual(['pool/accepted holds a secret']);
    expect(leaks(history({ $json: `1@${hostname()}` }), [])).toEqual(['pool/accepted holds the name of the machine']);
    expect(leaks(history({ $json: 'http://127.0.0.1:1/x' }), [])).toEqual([
      'pool/accepted holds a port of the machine',
    ]);
    expect(leaks(history({ metadata: { encoding: 'eA==' }, data: 'cGxhbnRlZA==' }), ['planted'])).toEqual([
      'pool/accepted holds a payload that is not JSON',
    ]);
  });
});

describe('the replayer', () => {
  const histories = () => current.map((entry) => readHistory(corpusFolder, entry));

  test.each(commandTypes)('finds out when a history lacks one %s', async (type) => {
    const damaged = histories().flatMap((history) => withoutCommand(history, type));
    expect(damaged.length).toBeGreaterThan(0);

    const unnoticed = (await replay(damaged)).filter((error) => error === undefined);

    expect(unnoticed).toEqual([]);
  });

  test('finds out when another activity was called', async () => {
    const text = JSON.stringify(histories().find((history) => read(history).activities('returnAgent').length > 0));
    const other = JSON.parse(text.replaceAll('"returnAgent"', '"provisionAgent"')) as RecordedHistory;

    expect(await replay([other])).toEqual([expect.stringMatching(/nondeterminism/i)]);
  });
});
