import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { defaultLimits, type Limits } from '../../domain/limits.ts';
import { createAgents, type Agents } from './agents.ts';
import { createAudits, type Audits } from './audits.ts';
import { asOdpError } from './error.ts';
import { createJobs, type Jobs } from './jobs.ts';
import { createPools, type Pools } from './pools.ts';

/** Where the engine is, and as whom to come. */
export interface ConnectOptions {
  /** Host and port, such as `localhost:7233`. */
  address: string;
  /** By default `default`. */
  namespace?: string;
  apiKey?: string;
  /** As Temporal's own client takes it; an API key alone turns it on. */
  tls?: ConnectionOptions['tls'];
  /** Name of the installation that pools are made for: the value of the tag `odp-installation`. By default `default`. */
  installation?: string;
  /** Limits that new pools start with; by default those of `domain/limits.ts`. */
  limits?: Limits;
  /** Longest time for one call to the engine to answer, in milliseconds; by default 60,000. */
  timeoutMs?: number;
}

/** A connection to an installation. Close it (`await using` does), or the process stays alive. */
export interface OpenDevOpsPools extends AsyncDisposable {
  pools: Pools;
  agents: Agents;
  jobs: Jobs;
  audits: Audits;
  /** The Temporal client below, for what this interface does not offer. */
  client: Client;
  close(): Promise<void>;
}

/**
 * Connects to the engine of an installation.
 *
 * @throws OdpError `EngineUnreachable`, `AuthenticationFailed`
 */
export async function connect(options: ConnectOptions): Promise<OpenDevOpsPools> {
  const { address, namespace = 'default', apiKey, tls, installation = 'default', limits = defaultLimits } = options;
  let connection: Connection;
  try {
    connection = await Connection.connect({
      address,
      connectTimeout: '5s',
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(tls === undefined ? {} : { tls }),
    });
  } catch (error) {
    throw asOdpError(error);
  }
  const client = new Client({ connection, namespace });
  const timeoutMs = options.timeoutMs ?? 60_000;
  const close = () => connection.close();
  return {
    pools: bounded(createPools(client, { installation, limits }), connection, timeoutMs),
    agents: bounded(createAgents(client), connection, timeoutMs),
    jobs: bounded(createJobs(client), connection, timeoutMs),
    audits: bounded(createAudits(client, { limits }), connection, timeoutMs),
    client,
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Verb = (...args: never[]) => Promise<unknown>;

/**
 * Gives every verb a deadline, for an update that no worker takes would wait for ever, and makes every way out of it an
 * `OdpError`.
 */
function bounded<Verbs extends object>(verbs: Verbs, connection: Connection, timeoutMs: number): Verbs {
  const entries = Object.entries(verbs as Record<string, Verb>).map(([name, verb]) => [
    name,
    async (...args: never[]) => {
      try {
        return await connection.withDeadline(Date.now() + timeoutMs, () => verb(...args));
      } catch (error) {
        throw asOdpError(error);
      }
    },
  ]);
  return Object.fromEntries(entries) as Verbs;
}
