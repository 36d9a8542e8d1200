import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { openLink, type Link } from '../chaos/link.ts';

let server: Server;
let link: Link;
const heard: string[] = [];

beforeEach(async () => {
  heard.length = 0;
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (piece) => {
      heard.push(piece.toString());
      socket.write(`answer to ${piece.toString()}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  link = await openLink((server.address() as AddressInfo).port);
});
afterEach(async () => {
  await link.close();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

interface Caller {
  socket: Socket;
  ended: Promise<void>;
  answers: string[];
  answer(): Promise<string>;
}

async function call(): Promise<Caller> {
  const socket = connect(link.port, '127.0.0.1');
  const answers: string[] = [];
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  socket.on('data', (piece) => answers.push(piece.toString()));
  await Promise.race([new Promise<void>((resolve) => socket.once('connect', resolve)), ended]);
  return {
    socket,
    ended,
    answers,
    answer: () => new Promise((resolve) => socket.once('data', (piece) => resolve(piece.toString()))),
  };
}

/** The answer to a call, or nothing when the connection ends first. */
async function ask({ socket, ended, answer }: Caller, word: string): Promise<string | undefined> {
  socket.write(word);
  return await Promise.race([answer(), ended.then(() => undefined)]);
}

test('an open link carries words both ways', async () => {
  expect(await ask(await call(), 'one')).toBe('answer to one');
});

test('a cut link resets the connections that there are and those that come', async () => {
  const before = await call();
  await ask(before, 'one');

  link.set({ kind: 'cut' });
  await before.ended;
  const during = await call();
  await during.ended;
  link.set({ kind: 'open' });

  expect(await ask(await call(), 'two')).toBe('answer to two');
  expect(link.reset).toBe(2);
});

test('a half-open link lets calls take effect, swallows the answers and tells nobody until it is open again', async () => {
  const caller = await call();
  await ask(caller, 'one');

  link.set({ kind: 'halfOpen' });
  caller.socket.write('two');
  while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(caller.answers).toEqual(['answer to one']);
  expect(caller.socket.destroyed).toBe(false);
  link.set({ kind: 'open' });
  await caller.ended;

  expect(caller.answers).toEqual(['answer to one']);
  expect(await ask(await call(), 'three')).toBe('answer to three');
});

test('a half-open link leaves a connection alone that lost nothing', async () => {
  const caller = await call();
  await ask(caller, 'one');

  link.set({ kind: 'halfOpen' });
  link.set({ kind: 'open' });

  expect(await ask(caller, 'two')).toBe('answer to two');
});

test('a delayed link keeps the order, also when the delay ends under way', async () => {
  const caller = await call();
  await ask(caller, 'one');
  heard.length = 0;

  link.set({ kind: 'delay', ms: 100 });
  const began = performance.now();
  caller.socket.write('slow');
  await new Promise((resolve) => setTimeout(resolve, 20));
  link.set({ kind: 'open' });
  caller.socket.write('quick');
  while (heard.join('') !== 'slowquick') await new Promise((resolve) => setTimeout(resolve, 5));

  expect(performance.now() - began).toBeGreaterThanOrEqual(95);
});
