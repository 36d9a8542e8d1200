import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { searchAttributeNames } from '../../../domain/names.ts';
import { startDevServer } from '../../engine/dev-server.ts';
import type { EngineAddress } from '../../engine/address.ts';
import { ensureSearchAttributes } from '../../engine/search-attributes.ts';
import type { Service } from './supervise.ts';

/** What the installation document says of an engine; secrets and keys by reference. */
export interface EngineDocument {
  address: string;
  namespace: string;
  apiKey?: { environment: string };
  tls?: { serverName?: string; caFile?: string; certificateFile?: string; keyFile?: string };
}

/** Where the embedded engine listens and keeps its database. */
export interface EmbeddedEngine {
  executable: string;
  ip: string;
  port: number;
  uiPort: number;
  state: string;
  namespace: string;
}

/** The embedded engine as a service: always the same database file, so a restart goes on where the last run was. */
export function engineService({ state, ...options }: EmbeddedEngine): Service {
  return {
    name: 'engine',
    start: async () => {
      const server = await startDevServer({
        ...options,
        databaseFile: join(state, 'engine.db'),
        searchAttributes: searchAttributeNames,
        logFile: join(state, 'logs', 'engine.log'),
      });
      return {
        pid: server.pid,
        exited: server.exited.then(({ code, signal }) => (signal ? `ended by ${signal}` : `ended with code ${code}`)),
        stop: async (kill) => {
          // It writes its state before it answers, so that even a kill loses nothing.
          const end = () => void process.kill(server.pid, 'SIGKILL');
          kill.addEventListener('abort', end, { once: true });
          await server.stop();
          kill.removeEventListener('abort', end);
        },
      };
    },
  };
}

/** Makes an engine that runs already ready for us, and says how the installation document names it. */
export async function joinEngine(
  { address, namespace, apiKey, tls }: EngineAddress,
  environment: NodeJS.ProcessEnv,
): Promise<EngineDocument> {
  const connection = await Connection.connect({
    address,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(tls === undefined ? {} : { tls }),
  });
  try {
    await ensureSearchAttributes(connection, namespace);
  } finally {
    await connection.close();
  }
  const first = (...names: string[]) => names.map((name) => environment[name]).find((value) => value);
  const files = {
    serverName: first('TEMPORAL_TLS_SERVER_NAME'),
    caFile: first('TEMPORAL_TLS_SERVER_CA_CERT_PATH', 'TEMPORAL_TLS_CA'),
    certificateFile: first('TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CERT'),
    keyFile: first('TEMPORAL_TLS_CLIENT_KEY_PATH', 'TEMPORAL_TLS_KEY'),
  };
  const given = Object.fromEntries(Object.entries(files).filter(([, value]) => value !== undefined));
  return {
    address,
    namespace,
    ...(apiKey === undefined ? {} : { apiKey: { environment: 'TEMPORAL_API_KEY' } }),
    ...(tls ? { tls: given } : {}),
  };
}
