import type { ConnectionOptions } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';

/** An engine that runs already, as Temporal's own client takes it. */
export interface EngineAddress {
  kind: 'address';
  /** Host and port, such as `localhost:7233`. */
  address: string;
  namespace: string;
  apiKey?: string;
  tls?: ConnectionOptions['tls'];
}

/** Names of Temporal's older command line tools, and the names that took their place. */
const formerNames = {
  TEMPORAL_TLS_CA: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
  TEMPORAL_TLS_CERT: 'TEMPORAL_TLS_CLIENT_CERT_PATH',
  TEMPORAL_TLS_KEY: 'TEMPORAL_TLS_CLIENT_KEY_PATH',
};

/**
 * Reads the engine's address from the environment variables that the `temporal` command reads: `TEMPORAL_ADDRESS`,
 * `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS…`. Nothing is read from Temporal's configuration file, so that
 * a profile made for another system is not taken for this one.
 *
 * @returns undefined without `TEMPORAL_ADDRESS`
 * @throws when a certificate or key file cannot be read
 */
export function addressFromEnvironment(environment: NodeJS.ProcessEnv): EngineAddress | undefined {
  if (!environment.TEMPORAL_ADDRESS) return undefined;
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || !name.startsWith('TEMPORAL_')) continue;
    variables[formerNames[name as keyof typeof formerNames] ?? name] ??= value;
  }
  const { connectionOptions, namespace } = loadClientConnectConfig({ disableFile: true, overrideEnvVars: variables });
  const { address = environment.TEMPORAL_ADDRESS, apiKey, tls } = connectionOptions;
  return {
    kind: 'address',
    address,
    namespace: namespace ?? 'default',
    ...(typeof apiKey === 'string' ? { apiKey } : {}),
    ...(tls === undefined ? {} : { tls }),
  };
}
