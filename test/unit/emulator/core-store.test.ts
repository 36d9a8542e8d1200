import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { copy, createMemoryStore, openFileStore } from '../../../emulator/core/store.ts';
import type { CloudStore } from '../../../emulator/core/store.ts';

const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'embedded-cloud-'));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe.each([
  ['in memory', createMemoryStore],
  ['in a folder', () => openFileStore(newFolder())],
])('a store %s', (_name, open: () => CloudStore) => {
  test('gives copies: a change to what went in or came out changes nothing', () => {
    const store = open();
    const machines = store.collection<{ tags: string[] }>('machines');
    const mine = { tags: ['a'] };
    machines.put('one', mine);
    mine.tags.push('b');
    machines.get('one')?.tags.push('c');
    machines.values()[0]?.tags.push('d');
    expect(machines.get('one')).toEqual({ tags: ['a'] });
    store.close();
  });

  test('lists in the order of first insertion', () => {
    const store = open();
    const numbers = store.collection<number>('numbers');
    for (const id of ['c', 'a', 'b']) numbers.put(id, 1);
    numbers.put('c', 2);
    numbers.delete('a');
    numbers.put('a', 3);
    expect(numbers.values()).toEqual([2, 1, 3]);
    expect(numbers.size).toBe(3);
    store.close();
  });

  test('numbers the lines of the ledger over all kinds, and reads one kind after a number', () => {
    const { ledger, close } = open();
    for (let index = 0; index < 6; index += 1) {
      ledger.append({ kind: 'machine', at: index, id: `m${String(index)}`, event: 'booted', tags: {} });
      ledger.append({ kind: 'resource', at: index, id: 'd', type: 'disk', event: 'created', tags: {} });
    }
    expect(ledger.read('machine', 3, 2).map(({ sequence, id }) => [sequence, id])).toEqual([
      [5, 'm2'],
      [7, 'm3'],
    ]);
    expect(ledger.read(undefined, 10, 100).map(({ sequence }) => sequence)).toEqual([11, 12]);
    close();
  });
});

describe('a store in a folder', () => {
  test('reads the same after it was closed and opened, in the same order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ minLength: 1, maxLength: 4 }), fc.jsonValue(), fc.boolean()), { maxLength: 30 }),
        (changes) => {
          const folder = newFolder();
          const before = openFileStore(folder);
          const records = before.collection<{ value: unknown }>('records');
          for (const [id, value, remove] of changes) {
            if (remove) records.delete(id);
            else records.put(id, { value });
          }
          const expected = records.values();
          before.close();
          const after = openFileStore(folder);
          expect(after.life).toBe(1);
          expect(after.collection('records').values()).toEqual(JSON.parse(JSON.stringify(expected)));
          after.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  test('is refused to a second cloud', () => {
    const folder = newFolder();
    const first = openFileStore(folder);
    expect(() => openFileStore(folder)).toThrow('Is another cloud running on it?');
    first.close();
    openFileStore(folder).close();
  });
});

test('a copy is what JSON would make of it', () => {
  const value = { a: undefined, b: [undefined, 1, { c: null }], d: 'x', e: { f: { g: true } } };
  expect(copy(value)).toEqual(JSON.parse(JSON.stringify(value)));
  expect('a' in copy(value)).toBe(false);
});
