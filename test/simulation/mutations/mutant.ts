import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutation } from './mutations.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What a simulation loads. The emulator is in it, and is never changed. */
const rooms = ['activities', 'client', 'domain', 'emulator', 'workers', 'workflows', 'test', 'package.json'];

/** A copy of the product with one bug in it. */
export interface Mutant {
  /** Folder of the copy. */
  readonly folder: string;
  remove(): Promise<void>;
}

/** Why a mutation no longer fits its file; undefined when it does. */
export async function misfit({ changes }: Mutation): Promise<string | undefined> {
  for (const { file, find } of changes) {
    const found = (await readFile(join(root, file), 'utf8')).split(find).length - 1;
    if (found !== 1) return `${file} has ${found} places that read: ${find}`;
  }
  return undefined;
}

/** Makes the copy and plants the bug, in the text of the sources, as a hand would. */
export async function makeMutant(mutation: Mutation): Promise<Mutant> {
  const folder = await mkdtemp(join(tmpdir(), `odp-mutant-${mutation.name}-`));
  const mutant: Mutant = { folder, remove: () => rm(folder, { recursive: true, force: true }) };
  try {
    for (const room of rooms) await cp(join(root, room), join(folder, room), { recursive: true });
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
    for (const { file, find, replace } of mutation.changes) {
      const text = await readFile(join(folder, file), 'utf8');
      if (text.split(find).length !== 2) throw new Error(`${mutation.name} does not fit ${file}: ${find}`);
      await writeFile(
        join(folder, file),
        text.replace(find, () => replace),
      );
    }
    return mutant;
  } catch (error) {
    await mutant.remove();
    throw error;
  }
}
