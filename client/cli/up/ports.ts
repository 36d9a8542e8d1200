import { createServer } from 'node:net';
import { OdpError } from '../../sdk/index.ts';

/** A port that something of the stack will listen on. */
export interface NeededPort {
  port: number;
  neededBy: string;
  /** The option that changes it. */
  flag: string;
}

/**
 * Refuses ports that are taken, all at once and before anything is started.
 *
 * @throws OdpError `PortTaken`
 */
export async function checkPorts(ports: NeededPort[], host: string): Promise<void> {
  const taken = await Promise.all(
    ports.map(async (needed, at) => {
      const twin = ports.slice(0, at).find(({ port }) => port === needed.port);
      if (twin) return { ...needed, by: `${twin.neededBy} was given it too` };
      return (await isFree(needed.port, host)) ? undefined : { ...needed, by: 'another process listens on it' };
    }),
  );
  const details = taken
    .filter((port) => port !== undefined)
    .map(({ port, neededBy, flag, by }) => ({
      code: 'PortTaken',
      message: `port ${port}, which ${neededBy} needs: ${by}; choose another with ${flag}`,
    }));
  if (details.length > 0) {
    throw new OdpError('PortTaken', 'Nothing was started, because ports are taken.', {
      details,
      hint: 'If another `odp up` runs there, stop it or give this one other ports and another --state folder.',
    });
  }
}

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host, exclusive: true }, resolve);
    });
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
