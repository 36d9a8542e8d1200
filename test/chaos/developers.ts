import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ScheduledJob } from '../simulation/schedule/schedule.ts';
import type { Arena } from './arena.ts';

/** A build that was taken, one whose answer was lost, or one that found no pool to be queued in. */
export type Queued = { kind: 'queued'; buildId: number } | { kind: 'unknown' | 'notQueued' };

/** Developers, who push and cancel. They reach Azure DevOps at its own port and try again where nobody listens. */
export interface Developers {
  queue(job: ScheduledJob, until: number): Promise<Queued>;
  /** Answers whether Azure DevOps took it. */
  cancel(buildId: number, until: number): Promise<boolean>;
}

const againMs = 500;
const refusedMs = 3_000;

/** A call that hangs longer is given up; the embedded Azure DevOps answers within milliseconds. */
const callMs = 10_000;

export async function developersOf({ stack, organizationUrl }: Arena): Promise<Developers> {
  const token = (await readFile(stack.cloud.personalAccessTokenFile, 'utf8')).trim();
  const base = `${organizationUrl}/${stack.cloud.project}/_apis`;
  const call = async (method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }> => {
    const response = await fetch(`${base}/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`:${token}`).toString('base64')}`,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(callMs),
    });
    const text = await response.text();
    return { status: response.status, json: text === '' ? undefined : JSON.parse(text) };
  };
  const firstId = async (path: string): Promise<number | undefined> => {
    const { status, json } = await call('GET', path);
    return status === 200 ? (json as { value?: { id: number }[] }).value?.[0]?.id : undefined;
  };
  let definition: number | undefined;
  const places = async (pool: string) => {
    definition ??= await firstId(`build/definitions?name=${stack.cloud.pipeline}&api-version=7.1`);
    const queue = await firstId(`distributedtask/queues?queueName=${pool}&api-version=7.1-preview.1`);
    if (definition === undefined || queue === undefined) return undefined;
    return { definition: { id: definition }, queue: { id: queue } };
  };

  return {
    async queue(job, until) {
      for (;;) {
        const place = await places(job.pool).catch(() => undefined);
        if (place) {
          try {
            const { status, json } = await call('POST', 'build/builds?api-version=7.1', {
              ...place,
              ...(job.image === undefined ? {} : { demands: [`ImageOverride -equals ${job.image}`] }),
              parameters: JSON.stringify({
                durationSeconds: String(job.durationMs / 1_000),
                result: job.result ?? 'succeeded',
              }),
            });
            if (status === 200) return { kind: 'queued', buildId: (json as { id: number }).id };
            // No agent of the pool can run it yet: the developer reads that, waits, and pushes again.
            if (status === 400) await sleep(refusedMs);
          } catch (error) {
            // Asking again could run the job twice; whether it was queued is in the ledger.
            if (!nobodyListens(error)) return { kind: 'unknown' };
          }
        }
        if (Date.now() > until) return { kind: 'notQueued' };
        await sleep(againMs);
      }
    },

    async cancel(buildId, until) {
      for (;;) {
        try {
          const { status } = await call('PATCH', `build/builds/${buildId}?api-version=7.1`, { status: 'cancelling' });
          if (status === 200) return true;
          if (status < 500 && status !== 429) return false;
        } catch {
          // Cancelling twice does no harm.
        }
        if (Date.now() > until) return false;
        await sleep(againMs);
      }
    },
  };
}

function nobodyListens(error: unknown): boolean {
  const { code } = (error as { cause?: { code?: string } }).cause ?? {};
  return code === 'ECONNREFUSED';
}
