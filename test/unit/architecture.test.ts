import { readFileSync } from 'node:fs';
import { importsOf, projectFiles, reachableFrom } from '../support/sources.ts';

const files = projectFiles();
const sources = files.filter((path) => /\.(ts|tsx|mjs|cjs)$/.test(path));
const room = (path: string) => path.split('/')[0] ?? '';

/** What each room may import of ours, besides itself. `types` leave nothing at run time. */
const directions: Record<string, { values: RegExp; types: RegExp }> = {
  domain: { values: /^domain\//, types: /^domain\// },
  emulator: { values: /^emulator\//, types: /^emulator\// },
  activities: { values: /^(activities|domain)\//, types: /^(activities|domain)\// },
  workflows: { values: /^(workflows|domain)\//, types: /^(workflows|domain|activities)\// },
  workers: { values: /^(workers|activities|domain)\//, types: /^(workers|activities|domain)\// },
  client: {
    values: /^(client\/|domain\/|workflows\/messages\.ts$)/,
    types: /^(client\/|domain\/|workflows\/messages\.ts$)/,
  },
  whatif: { values: /^(whatif|domain)\//, types: /^(whatif|domain)\// },
};

/** Longer files, each with why it is not split. */
const longFiles: Record<string, string> = {};
/** Tests are read case by case, so their files may be longer. */
const mostLines = (path: string) => (room(path) === 'test' ? 600 : 400);

describe('the rooms of the project', () => {
  test.each(Object.entries(directions))('%s imports in one direction', (name, { values, types }) => {
    const wrong = sources
      .filter((path) => room(path) === name)
      .flatMap((path) =>
        importsOf(path)
          .filter(({ ours, target, typeOnly }) => ours && !(typeOnly ? types : values).test(target))
          .map(({ target }) => `${path} imports ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  test('only workflows import the workflow package', () => {
    const others = sources.filter(
      (path) =>
        room(path) !== 'workflows' &&
        room(path) !== 'test' &&
        importsOf(path).some(({ target }) => /^@temporalio\/workflow(\/|$)/.test(target)),
    );
    expect(others).toEqual([]);
  });

  test('what workflows load is fit for their sandbox', () => {
    const reached = reachableFrom('workflows/index.ts');
    expect(reached.some((path) => path.startsWith('domain/'))).toBe(true);
    const unfit = reached.flatMap((path) =>
      importsOf(path)
        .filter(({ ours, typeOnly, target }) => !ours && !typeOnly && !/^@temporalio\/(workflow|common)$/.test(target))
        .map(({ target }) => `${path} loads ${target}`),
    );
    expect(unfit).toEqual([]);
  });

  test('the pure room loads no input or output and reads no clock', () => {
    const impure = sources
      .filter((path) => room(path) === 'domain')
      .flatMap((path) => {
        const loads = importsOf(path)
          .filter(({ target }) => /^(node:|@azure\/|@temporalio\/|azure-devops-node-api)/.test(target))
          .map(({ target }) => `${path} loads ${target}`);
        const calls = readFileSync(path, 'utf8').match(/\b(Date\.now\(\)|new Date\(\)|Math\.random\(\)|process\.env)/g);
        return [...loads, ...(calls ?? []).map((call) => `${path} calls ${call}`)];
      });
    expect(impure).toEqual([]);
  });

  test('no source file is longer than 400 lines, no test file longer than 600', () => {
    const long = sources
      .map((path) => ({ path, lines: readFileSync(path, 'utf8').split('\n').length - 1 }))
      .filter(({ path, lines }) => lines > mostLines(path) && !(path in longFiles));
    expect(long).toEqual([]);
    expect(Object.keys(longFiles).filter((path) => !files.includes(path))).toEqual([]);
  });
});

describe('the text of the project', () => {
  const notText = /\.(gz|png|jpg|gif|ico|woff2?|pem|db|zip)$/;
  const texts = files
    .filter((path) => !notText.test(path))
    .map((path) => ({ path, lines: readFileSync(path, 'utf8').split('\n') }));
  const found = (pattern: RegExp, except: (path: string) => boolean = () => false) =>
    texts
      .filter(({ path }) => !except(path))
      .flatMap(({ path, lines }) =>
        lines.flatMap((line, index) =>
          pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 120)}`] : [],
        ),
      );

  test('names no folder of the machine on which it was written', () => {
    // Put together here, so that this file does not find itself. Azure takes an SSH key at one path alone, in the home
    // folder of the machine's user.
    const folders = ['work', 'root', 'home'].join('|');
    expect(found(new RegExp(`(^|[\\s"'\`(=:])/(${folders})/(?!\\S*/\\.ssh/authorized_keys)`))).toEqual([]);
  });

  test('names no host of a package registry', () => {
    const hosts = [
      ['registry', 'npmjs', 'org'],
      ['proxy', 'golang', 'org'],
      ['pypi', 'org'],
      ['files', 'pythonhosted', 'org'],
      ['repo1?', 'maven', '(apache\\.)?org'],
      ['index', 'crates', 'io'],
    ].map((parts) => parts.join('\\.'));
    expect(found(new RegExp(hosts.join('|')))).toEqual([]);
  });

  test('focuses no test, and skips none without saying why', () => {
    const focused = /\b(describe|test|it)\.(only|todo)\b/;
    const skipped = /\b(describe|test|it)\.skip\b/;
    const tests = texts.filter(({ path }) => path.startsWith('test/') && path !== 'test/unit/architecture.test.ts');
    const wrong = tests.flatMap(({ path, lines }) =>
      lines.flatMap((line, index) => {
        const around = lines.slice(Math.max(0, index - 1), index + 2).join('\n');
        const silent = skipped.test(line) && !/reason/.test(around);
        return focused.test(line) || silent ? [`${path}:${index + 1}`] : [];
      }),
    );
    expect(wrong).toEqual([]);
  });
});
