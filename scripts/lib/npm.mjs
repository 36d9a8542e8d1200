import { spawn } from 'node:child_process';

/**
 * Runs npm: the one that runs this script (`npm start`), else the one on PATH. What npm writes goes to standard error.
 *
 * @param {string[]} args
 * @param {string} folder
 * @returns {Promise<void>}
 * @throws with npm's own words and, for the usual causes, what to do
 */
export async function runNpm(args, folder) {
  const own = process.env.npm_execpath;
  const viaNode = own !== undefined && /npm-cli\.c?js$/.test(own);
  const [command, first] = viaNode ? [process.execPath, [own]] : ['npm', []];
  let output = '';
  /** @type {number | null} */
  const code = await new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      // npm is npm.cmd on Windows, which only a shell starts. The arguments are ours and need no quoting.
      shell: !viaNode && process.platform === 'win32',
      env: ownEnvironment(),
    });
    /** @param {Buffer} chunk */
    const keep = (chunk) => {
      output = (output + chunk).slice(-16_384);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) =>
      reject(
        /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT'
          ? new Error('npm is not on PATH; install it (it comes with Node) and start again')
          : error,
      ),
    );
    child.on('close', resolve);
  });
  if (code === 0) return;
  const words = output.trim().split('\n').slice(-15).join('\n  ');
  throw new Error(`npm ${args[0]} failed with code ${code}:\n  ${words}${hint(output)}`);
}

/** `npm start` hands its own settings down as variables; they belong to the outer project, not to what npm runs here. */
function ownEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(lifecycle|package|command)/.test(name) && name !== 'npm_config_local_prefix',
    ),
  );
}

/** @param {string} output */
function hint(output) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|network/i.test(output)) {
    return '\nhint: the package registry cannot be reached; check the network and the proxy settings of npm, then start again';
  }
  if (/EUSAGE|Missing:|can only install packages when/.test(output)) {
    return '\nhint: package.json and package-lock.json do not agree; run `npm install` and commit both';
  }
  if (/EACCES|EPERM|ENOSPC/.test(output)) return '\nhint: check the rights and the space of the folder named above';
  return '';
}
