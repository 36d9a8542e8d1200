import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** A second interrupt within this time is the same key press, heard on two ways. */
const samePressMs = 500;

/**
 * Runs a script of the project with the given Node, on this process' own streams, until it ends.
 *
 * @param {string} node
 * @param {string[]} args script, relative to the root, and its arguments
 * @param {string} root
 * @returns {Promise<number>} its exit code; 128 + n when signal n ended it
 */
export function handOver(node, args, root) {
  const [script = '', ...rest] = args;
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, script), ...rest], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` },
  });
  // Ctrl-C in a terminal reaches every process of the foreground group, the child too: sent on, it would count as the
  // second Ctrl-C, which kills. Without a terminal nobody but this process hears it.
  const inTerminal = Boolean(process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY);
  let lastInterrupt = 0;
  process.on('SIGINT', () => {
    if (inTerminal || process.platform === 'win32' || Date.now() - lastInterrupt < samePressMs) return;
    lastInterrupt = Date.now();
    child.kill('SIGINT');
  });
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
