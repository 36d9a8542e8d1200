import { stopTestEngine } from './engine-process.ts';
import { variables } from './variables.ts';

/** Jest calls this once after a run. */
// oxlint-disable-next-line import/no-default-export -- jest's global tear-down must be the default export
export default async function stopEngine(): Promise<void> {
  const folder = process.env[variables.folder];
  if (folder) await stopTestEngine(folder);
}
