import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { createCloud } from './cloud.ts';
import type { Cloud, CloudFacts } from './cloud.ts';
import { loadServerCertificate } from './certificates.ts';
import { ConnectionLost } from './core/calls.ts';
import { createRealClock } from './core/clock.ts';
import type { Handler } from './core/context.ts';
import { openFileStore } from './core/store.ts';

/** How a cloud is served. */
export interface ServeOptions {
  /** Folder of the cloud's state, certificates and secrets; made when it is not there. */
  state: string;
  /** Address to listen on. Default 127.0.0.1. */
  host?: string;
  /** Ports; 0 is any free one. Default 0. */
  armPort?: number;
  azureDevOpsPort?: number;
  controlPort?: number;
  scale?: number;
  seed?: number;
  strictThrottling?: boolean;
  jobLockMs?: number;
  /** Names of the machines that are processes, with `*` for any text. Default: none is. */
  processMachines?: string;
  /** Where clients and machines reach Azure DevOps when it is not at its own port: behind a proxy. No trailing slash. */
  azureDevOpsUrl?: string;
}

/** The facts of a served cloud, with the files that hold what must not be printed. */
export type ServedFacts = Omit<CloudFacts, 'clientSecret' | 'personalAccessToken'> & {
  caCertificateFile: string;
  clientSecretFile: string;
  personalAccessTokenFile: string;
};

/** A cloud behind sockets. */
export interface ServedCloud {
  cloud: Cloud;
  facts: ServedFacts;
  close(): Promise<void>;
}

/** Node closes idle connections after five seconds by default; clients that reuse them then meet resets. */
const keepAliveMs = 75_000;

/** A listener that can begin before its handler is known, since the handler must know the port. */
function listener(): {
  listen: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
  use(handler: Handler): void;
} {
  let answer: Handler = () => new Response(null, { status: 503 });
  const listen = getRequestListener(
    async (request, env) => {
      try {
        return await answer(request);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) {
          process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
          return Response.json(
            { error: { code: 'InternalServerError', message: 'The embedded cloud failed.' } },
            { status: 500 },
          );
        }
        (env as { incoming: IncomingMessage }).incoming.socket.destroy();
        return new Response(null, { status: 500 });
      }
    },
    { overrideGlobalObjects: false },
  );
  return { listen: (incoming, outgoing) => void listen(incoming, outgoing), use: (handler) => (answer = handler) };
}

function open(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

function stop(server: Server, sockets: Set<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

/** Serves the cloud of a state folder: ARM and Entra ID over HTTPS, Azure DevOps and the control interface over HTTP. */
export async function serveCloud(options: ServeOptions): Promise<ServedCloud> {
  const { state, host = '127.0.0.1', seed = 1, scale = 1, strictThrottling = true } = options;
  mkdirSync(join(state, 'secrets'), { recursive: true, mode: 0o700 });
  const { certificate, key, authority } = await loadServerCertificate(state, host);
  const [arm, azureDevOps, control] = [listener(), listener(), listener()];
  const servers = [
    createSecureServer({ cert: `${certificate}${authority}`, key, keepAliveTimeout: keepAliveMs }, arm.listen),
    createServer({ keepAliveTimeout: keepAliveMs }, azureDevOps.listen),
    createServer({ keepAliveTimeout: keepAliveMs }, control.listen),
  ] as const;
  const sockets = new Set<Socket>();
  for (const server of servers) {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
  }
  const store = openFileStore(state);
  const clock = createRealClock();
  try {
    const [armPort, azureDevOpsPort, controlPort] = await Promise.all([
      open(servers[0], host, options.armPort ?? 0),
      open(servers[1], host, options.azureDevOpsPort ?? 0),
      open(servers[2], host, options.controlPort ?? 0),
    ]);
    const name = host === '127.0.0.1' || host === '0.0.0.0' || host === '::' ? undefined : host;
    const secure = `https://${name ?? 'localhost'}:${String(armPort)}`;
    const plain = `http://${name ?? '127.0.0.1'}`;
    const addresses = {
      arm: secure,
      entra: secure,
      azureDevOps: options.azureDevOpsUrl ?? `${plain}:${String(azureDevOpsPort)}`,
      control: `${plain}:${String(controlPort)}`,
    };
    const cloud = createCloud({
      clock,
      seed,
      scale,
      store,
      addresses,
      strictThrottling,
      ...(options.jobLockMs === undefined ? {} : { jobLockMs: options.jobLockMs }),
      ...(options.processMachines === undefined
        ? {}
        : { processMachines: { names: options.processMachines, folder: join(state, 'machines') } }),
    });
    const { clientSecret, personalAccessToken, ...facts } = cloud.facts;
    const clientSecretFile = join(state, 'secrets', 'client-secret');
    const personalAccessTokenFile = join(state, 'secrets', 'azure-devops-token');
    writeFileSync(clientSecretFile, clientSecret, { mode: 0o600 });
    writeFileSync(personalAccessTokenFile, personalAccessToken, { mode: 0o600 });
    cloud.resume();
    arm.use(cloud.arm);
    azureDevOps.use(cloud.azureDevOps);
    control.use(cloud.control);
    return {
      cloud,
      facts: { ...facts, caCertificateFile: join(state, 'ca.pem'), clientSecretFile, personalAccessTokenFile },
      async close() {
        cloud.close();
        clock.close();
        await Promise.all(servers.map((server) => stop(server, sockets)));
        store.close();
      },
    };
  } catch (error) {
    clock.close();
    await Promise.all(servers.map((server) => stop(server, sockets)));
    store.close();
    throw error;
  }
}
