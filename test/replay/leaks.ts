import { homedir, hostname, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { textOf, type RecordedHistory } from './format.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What must not be in a recording but is: secrets, and names of this machine. */
export function leaks(histories: ReadonlyMap<string, RecordedHistory>, secrets: readonly string[]): string[] {
  const forbidden: [what: string, text: string][] = [
    ...secrets.map((secret): [string, string] => ['a secret', secret]),
    ['the private key of an agent', 'inverseQ'],
    ['a private key', 'PRIVATE KEY'],
    ['the folder of the sources', root],
    ['a temporary folder', `${tmpdir()}/`],
    ['the home folder', `${homedir()}/`],
    ['the name of the machine', `@${hostname()}`],
    ['a port of the machine', '127.0.0.1:'],
    ['a port of the machine', 'localhost:'],
  ];
  return [...histories].flatMap(([name, history]) => {
    const text = textOf(history);
    const found = forbidden.filter(([, part]) => text.includes(part)).map(([what]) => `${name} holds ${what}`);
    // What is not spelled out cannot be searched.
    return /"data":"[^"]/.test(text) ? [...found, `${name} holds a payload that is not JSON`] : found;
  });
}
