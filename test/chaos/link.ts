import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * A way from one process to another that can be disturbed: a TCP proxy on the loopback interface. It carries whatever
 * the two speak, HTTPS and gRPC too, and understands none of it.
 */

/** How a link behaves. */
export type LinkMode =
  | { kind: 'open' }
  /** Connections are reset, new ones too. */
  | { kind: 'cut' }
  /** Every piece arrives this much later, in order. */
  | { kind: 'delay'; ms: number }
  /** Requests arrive, answers vanish and nobody is told: the connection looks alive until it is reset at the end. */
  | { kind: 'halfOpen' };

export interface Link {
  readonly port: number;
  /** What it carried and lost, in connections. */
  readonly reset: number;
  set(mode: LinkMode): void;
  close(): Promise<void>;
}

/** Opens a link to a port of this machine, on `port` or any free one. */
export async function openLink(targetPort: number, port = 0): Promise<Link> {
  let mode: LinkMode = { kind: 'open' };
  let reset = 0;
  const pairs = new Set<Pair>();
  const current = () => mode;

  const server = createServer((client) => {
    client.on('error', () => {});
    if (mode.kind === 'cut') {
      reset++;
      client.resetAndDestroy();
      return;
    }
    const pair = joined(client, connect({ host: '127.0.0.1', port: targetPort }), current);
    pairs.add(pair);
    client.once('close', () => pairs.delete(pair));
  });
  await listening(server, port);

  const end = (chosen: Iterable<Pair>) => {
    for (const pair of chosen) {
      reset++;
      pair.reset();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    get reset() {
      return reset;
    },
    set(next) {
      mode = next;
      if (next.kind === 'cut') end(pairs);
      // What vanished cannot be made good: those connections are beyond use.
      else end([...pairs].filter(({ lossy }) => lossy && next.kind !== 'halfOpen'));
    },
    async close() {
      for (const pair of pairs) pair.reset();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface Pair {
  /** Whether an answer was swallowed. */
  readonly lossy: boolean;
  reset(): void;
}

function joined(client: Socket, upstream: Socket, mode: () => LinkMode): Pair {
  let lossy = false;
  const reset = () => {
    client.resetAndDestroy();
    upstream.resetAndDestroy();
  };
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    from.setNoDelay(true);
    from.on('error', reset);
    from.once('close', () => to.destroy());
    const send = inOrder((piece) => {
      if (to.writable) to.write(piece);
    });
    from.on('data', (piece: Buffer) => {
      const { kind, ms } = { ms: 0, ...mode() };
      if (kind === 'halfOpen' && from === upstream) lossy = true;
      else send(piece, ms);
    });
  }
  return {
    get lossy() {
      return lossy;
    },
    reset,
  };
}

/** Hands pieces on after their delay, none before one that came earlier. */
function inOrder(hand: (piece: Buffer) => void): (piece: Buffer, delayMs: number) => void {
  let last = 0;
  return (piece, delayMs) => {
    const now = Date.now();
    last = Math.max(last, now + delayMs);
    if (last <= now) hand(piece);
    else setTimeout(() => hand(piece), last - now);
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}
