import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { textOf, type RecordedHistory } from './format.ts';

/** Where recorded histories are, and their manifest. */

/** Folder of all recordings. */
export const corpusFolder = fileURLToPath(new URL('./histories', import.meta.url));

/** One line of the manifest. */
export interface ManifestEntry {
  /** From the folder of the manifest. */
  file: string;
  workflow: string;
  state: string;
  /** Number of its events. */
  events: number;
  /** Commit of the sources that wrote the history; with `+` when they had changes that were not committed. */
  commit: string;
  engine: string;
  sdk: string;
}

const manifestName = 'manifest.json';

/** The manifest of one folder; an empty one when there is none. */
export function readManifest(folder: string): ManifestEntry[] {
  try {
    return JSON.parse(readFileSync(join(folder, manifestName), 'utf8')) as ManifestEntry[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Reads a recorded history. */
export function readHistory(folder: string, { file }: Pick<ManifestEntry, 'file'>): RecordedHistory {
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as RecordedHistory;
}

/** Writes histories by `workflow/state` and brings the manifest up to date; entries of other states stay. */
export function writeHistories(
  folder: string,
  histories: ReadonlyMap<string, RecordedHistory>,
  facts: Pick<ManifestEntry, 'commit' | 'engine' | 'sdk'>,
): void {
  const entries = new Map(readManifest(folder).map((entry) => [`${entry.workflow}/${entry.state}`, entry]));
  for (const [name, history] of histories) {
    const [workflow = '', state = ''] = name.split('/');
    const file = `${name}.json`;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), textOf(history));
    entries.set(name, { file, workflow, state, events: history.events.length, ...facts });
  }
  const sorted = [...entries.values()].toSorted((a, b) => a.file.localeCompare(b.file, 'en'));
  const lines = sorted.map((entry) => JSON.stringify(entry)).join(',\n');
  writeFileSync(join(folder, manifestName), `[\n${lines}\n]\n`);
}
