import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { exitCode } from '../../client/cli/errors.ts';
import { format, show } from '../../client/cli/output.ts';
import { testIo } from '../support/cli-io.ts';

const pools = [{ name: 'linux', agents: { Ready: 2 }, since: 1_000 }];
const lines = (data: typeof pools) => ['NAME', ...data.map(({ name }) => name)];

describe('data', () => {
  test('as JSON and YAML reads back as it was', () => {
    expect(JSON.parse(format(pools, 'json', lines))).toEqual(pools);
    expect(parse(format(pools, 'yaml', lines))).toEqual(pools);
  });

  test('as a table is lines', () => {
    expect(format(pools, 'table', lines)).toBe('NAME\nlinux');
  });
});

describe('--watch', () => {
  /** Reads one state after the other, then presses Ctrl-C. */
  async function watch(form: 'table' | 'json' | 'yaml', states: string[][]) {
    const interrupt = new AbortController();
    const io = testIo({ signals: () => ({ stop: interrupt.signal, kill: interrupt.signal }) });
    const left = [...states];
    const read = () => {
      const state = left.shift() ?? [];
      if (left.length === 0) interrupt.abort();
      return Promise.resolve(state);
    };
    const ended = await show(io, form, true, { read, lines: (state) => ['NAME', ...state] }).catch((error) => error);
    return { code: exitCode(ended), output: io.output() };
  }

  test('prints a change as the lines that are new, and ends with 130', async () => {
    expect(await watch('table', [['a'], ['a', 'b']])).toEqual({ code: 130, output: 'NAME\na\nb' });
  }, 10_000);

  test('prints each state as one line of JSON, and a state that did not change once', async () => {
    expect(await watch('json', [['a'], ['a'], ['b']])).toEqual({ code: 130, output: '["a"]\n["b"]' });
  }, 10_000);
});
