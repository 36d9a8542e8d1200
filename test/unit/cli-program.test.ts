import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { shells } from '../../client/cli/completion.ts';
import { createProgram } from '../../client/cli/program.ts';
import { run } from '../../client/cli/run.ts';
import { testIo } from '../support/cli-io.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odp-cli-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function odp(argv: string[], overrides: Parameters<typeof testIo>[0] = {}) {
  const io = testIo(overrides);
  const code = await run(argv, io);
  return { code, output: io.output(), errors: io.errors() };
}

/** The words that lead to every command, groups included. */
function paths(): string[] {
  const walk = (command: ReturnType<typeof createProgram>, path: string[]): string[] =>
    command.commands.flatMap((child) => [[...path, child.name()].join(' '), ...walk(child, [...path, child.name()])]);
  return walk(createProgram({ io: testIo(), now: Date.now }), []);
}

describe('wrong usage', () => {
  test.each([
    ['nothing at all', []],
    ['a group without a command', ['pool']],
    ['an unknown command', ['pool', 'lst']],
    ['an unknown option', ['pool', 'list', '--bogus']],
    ['a missing argument', ['pool', 'show']],
    ['a missing option', ['pool', 'apply']],
    ['an output that does not exist', ['pool', 'list', '--output', 'xml']],
    ['a port that is none', ['up', '--temporal-port', '70000']],
    ['a count that is none', ['job', 'queue', '--image', 'ubuntu', '--count', '0']],
    ['a duration beyond two days', ['job', 'queue', '--image', 'ubuntu', '--duration', '49h']],
    ['a speed that is none', ['job', 'replay', 'x.csv', '--speed', '-1']],
    ['a moment that is none', ['job', 'replay', 'x.csv', '--from', 'yesterday']],
    ['a request that is no number', ['job', 'show', 'abc']],
    ['a shell that is unknown', ['completion', 'tcsh']],
  ])('%s ends with 2, with the reason on standard error only', async (_, argv) => {
    const { code, output, errors } = await odp(argv);
    expect(code).toBe(2);
    expect(output).toBe('');
    expect(errors).not.toBe('');
  });

  test('names the option, the value and what would be right', async () => {
    const { errors } = await odp(['up', '--ui-port', 'http']);
    expect(errors).toContain("error: option '--ui-port <port>' argument 'http' is invalid.");
    expect(errors).toContain('It must be a port from 1 to 65535.');
    expect(errors).toContain('hint: ');
  });

  test('suggests the command that was meant', async () => {
    const { errors } = await odp(['pool', 'lst']);
    expect(errors).toContain('Did you mean list?');
  });
});

describe('help', () => {
  test.each(paths())(
    'of `odp %s` ends with 0, on standard output, with an example where it does something',
    async (path) => {
      const { code, output, errors } = await odp([...path.split(' '), '--help']);
      expect(code).toBe(0);
      expect(errors).toBe('');
      expect(output).toContain(`Usage: odp ${path}`);
      if (!['pool', 'agent', 'job', 'audit'].includes(path)) expect(output).toContain(`$ odp ${path}`);
    },
  );
});

describe('the installation document', () => {
  test('that is missing is named, with the way to get one', async () => {
    const { code, errors } = await odp(['pool', 'list', '--installation', join(folder, 'none.json')]);
    expect(code).toBe(1);
    expect(errors).toContain(join(folder, 'none.json'));
    expect(errors).toContain('hint: Start the embedded stack with `odp up`');
  });

  test('is found through the environment when no flag is given', async () => {
    const file = join(folder, 'elsewhere.json');
    const { errors } = await odp(['pool', 'list'], { environment: { ODP_INSTALLATION: file } });
    expect(errors).toContain(file);
  });

  test('that is wrong is refused with every violation', async () => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, 'name: Wrong Name\nengine: {}\n');
    const { code, errors } = await odp(['pool', 'list', '--installation', file]);
    expect(code).toBe(1);
    expect(errors).toMatch(/^ {2}name: /m);
    expect(errors).toMatch(/^ {2}engine\.address: /m);
    expect(errors).toMatch(/^ {2}azure: /m);
  });
});

describe('a pool document', () => {
  test('that breaks rules is refused with each path before anything is connected to', async () => {
    const file = join(folder, 'pool.yaml');
    await writeFile(file, 'name: linux\nproperties:\n  maximumConcurrency: 0\n  bogus: 1\n');
    const { code, output, errors } = await odp(['pool', 'apply', '--filename', file]);
    expect(code).toBe(1);
    expect(output).toBe('');
    expect(errors).toMatch(/^ {2}properties\.maximumConcurrency: /m);
    expect(errors).toMatch(/^ {2}properties\.bogus: /m);
    expect(errors).toMatch(/^ {2}properties\.fabricProfile: /m);
  });

  test('is read from standard input for -', async () => {
    const { code, errors } = await odp(['pool', 'apply', '-f', '-'], { read: () => Promise.resolve('name: [') });
    expect(code).toBe(1);
    expect(errors).toContain('nothing was changed');
  });

  test('that cannot be read is a mistake in usage', async () => {
    const { code, errors } = await odp(['pool', 'apply', '-f', join(folder, 'none.yaml')]);
    expect(code).toBe(2);
    expect(errors).toContain('none.yaml');
  });
});

describe('completion', () => {
  test.each([...shells])('for %s knows every command and its options', async (shell) => {
    const { code, output } = await odp(['completion', shell]);
    expect(code).toBe(0);
    for (const path of paths()) for (const word of path.split(' ')) expect(output).toContain(word);
    const options = ['filename', 'output', 'exit-when-done', 'pipeline', 'watch'];
    for (const option of options) expect(output).toMatch(new RegExp(shell === 'fish' ? `-l ${option}` : `--${option}`));
  });
});
