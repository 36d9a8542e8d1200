import { createHash, generateKeyPair, type JsonWebKey } from 'node:crypto';
import { promisify } from 'node:util';
import type { AgentPublicKey } from '../interfaces.ts';

const generate = promisify(generateKeyPair);

/** A key pair of one agent. It lives in memory and in the machine's custom data only. */
export interface AgentKey {
  publicKey: AgentPublicKey;
  /** Content of `.credentials_rsaparams`: base64 of the big-endian numbers. */
  parameters: Record<'d' | 'dp' | 'dq' | 'exponent' | 'inverseQ' | 'modulus' | 'p' | 'q', string>;
  /** Identifies the public key in a tag: the first 16 bytes of its SHA-256, in hexadecimal. */
  fingerprint: string;
}

/** RSA with 2,048 bits, which the agent itself makes when it is configured by hand. */
export async function createAgentKey(): Promise<AgentKey> {
  const { privateKey } = await generate('rsa', { modulusLength: 2_048, publicExponent: 0x10001 });
  const key = privateKey.export({ format: 'jwk' });
  const publicKey = { exponent: number(key, 'e'), modulus: number(key, 'n') };
  return {
    publicKey,
    parameters: {
      ...publicKey,
      d: number(key, 'd'),
      dp: number(key, 'dp'),
      dq: number(key, 'dq'),
      inverseQ: number(key, 'qi'),
      p: number(key, 'p'),
      q: number(key, 'q'),
    },
    fingerprint: createHash('sha256').update(publicKey.modulus).digest('hex').slice(0, 32),
  };
}

function number(key: JsonWebKey, name: 'd' | 'dp' | 'dq' | 'e' | 'n' | 'p' | 'q' | 'qi'): string {
  const value = key[name];
  if (typeof value !== 'string') throw new Error(`invariant: the key has no ${name}`);
  return Buffer.from(value, 'base64url').toString('base64');
}

/** Ready-made keys. */
export interface KeyStock {
  /** A key that nobody else gets. Never waits for the stock: an empty one makes a key at once. */
  take(): Promise<AgentKey>;
  /** Stops refilling. */
  close(): void;
}

/**
 * Keeps keys ready, so that a burst of creates does not wait for arithmetic (about 40 ms of processor time a key).
 * Refilled one at a time. A stock that is lost is lost: an unused key is worth nothing.
 */
export function createKeyStock({ size = 64 }: { size?: number } = {}): KeyStock {
  const ready: AgentKey[] = [];
  let refilling = false;
  let closed = false;

  const refill = async (): Promise<void> => {
    if (refilling) return;
    refilling = true;
    try {
      while (!closed && ready.length < size) ready.push(await createAgentKey());
    } finally {
      refilling = false;
    }
  };
  // A refill that fails is tried again by the next take, which would meet the failure itself.
  const refillSoon = (): void => void refill().catch(() => undefined);

  refillSoon();
  return {
    async take() {
      const key = ready.shift();
      refillSoon();
      return key ?? (await createAgentKey());
    },
    close() {
      closed = true;
    },
  };
}
