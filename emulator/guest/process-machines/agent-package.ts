import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The agent's software as machines fetch it. */
export interface AgentPackageFile {
  content: Buffer;
  /** Hexadecimal. */
  sha256: string;
}

const agentProgram = fileURLToPath(new URL(`agent${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/**
 * Packs the agent of the embedded cloud: the two scripts that a first boot and systemd call, in a tar.gz like that of the
 * real agent. The program itself stays where it is, for machine and cloud share one disk.
 */
export function makeAgentPackage(folder: string): AgentPackageFile {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const run = ['cd "$(dirname "$0")"', `exec ${[process.execPath, agentProgram].map(quoted).join(' ')} "$@"`];
  const script = (lines: string[]): string => ['#!/usr/bin/env bash', ...lines, ''].join('\n');
  writeFileSync(join(folder, 'run.sh'), script(run), { mode: 0o755 });
  writeFileSync(join(folder, 'bin/installdependencies.sh'), script(['echo "nothing to install"']), { mode: 0o755 });
  const tar = execFileSync('tar', ['-cf', '-', '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '.'], {
    cwd: folder,
  });
  const content = execFileSync('gzip', ['-n'], { input: tar });
  return { content, sha256: createHash('sha256').update(content).digest('hex') };
}
