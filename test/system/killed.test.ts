import { createServer, type Server } from 'node:http';
import { breachesOf } from '../support/account/breaches.ts';
import { embeddedPool, queueJobs } from '../support/embedded-pool.ts';
import { freePort } from '../support/engine-process.ts';
import { jobEvents, registrationsLeft, resourcesLeft } from '../support/ledger-checks.ts';
import { eventually } from '../support/eventually.ts';
import { processNames, startStack, type ProcessName, type Stack } from '../support/stack.ts';

/**
 * Kills each process at each boundary of each activity of an agent's life, and starts it again. Whatever was killed and
 * when: the job runs once and succeeds, and nothing is left. One job per kill; the stack of a process lives through all
 * of its kills.
 */

jest.setTimeout(600_000);

const activities = ['provisionAgent', 'disableAgent', 'returnAgent'] as const;
const sides = ['before', 'after'] as const;
const minute = 60_000;

describe.each([...processNames])('the %s, killed', (victim: ProcessName) => {
  let stack: Stack;
  let boundary: Server;
  let armed: string | undefined;
  const strikes: Promise<void>[] = [];

  beforeAll(async () => {
    const port = await freePort();
    boundary = createServer((request, response) => {
      if (request.url === armed) {
        armed = undefined;
        const strike = stack.kill(victim).then(() => stack.start(victim));
        strikes.push(strike);
        void strike.then(
          () => response.end(),
          () => response.destroy(),
        );
      } else {
        response.end();
      }
    });
    await new Promise<void>((resolve) => boundary.listen(port, '127.0.0.1', resolve));
    stack = await startStack({
      scale: 0.02,
      workerProgram: 'test/support/boundary-worker',
      workerArguments: ['--boundary', `http://127.0.0.1:${port}`],
      limits: { agent: { heartbeatMs: 6_000 }, observer: { heartbeatMs: 6_000 } },
    });
    const odp = await stack.client();
    await odp.pools.apply(embeddedPool(stack.cloud, 'killed'));
  });
  afterAll(async () => {
    await stack.close();
    boundary.close();
  });

  test.each(activities.flatMap((activity) => sides.map((side) => [side, activity] as const)))(
    '%s %s: the job runs once, and nothing is left',
    async (side, activity) => {
      const jobsBefore = (await jobEvents(stack)).size;
      const strikesBefore = strikes.length;
      armed = `/${side}/${activity}`;

      await queueJobs(stack, 'killed', { count: 1, image: 'ubuntu', durationSeconds: 2 });
      await eventually(async () => {
        expect(strikes).toHaveLength(strikesBefore + 1);
      }, minute);
      await strikes.at(-1);

      await eventually(async () => {
        const jobs = await jobEvents(stack);
        expect(jobs.size).toBe(jobsBefore + 1);
        expect(await resourcesLeft(stack)).toEqual([]);
        expect(await registrationsLeft(stack)).toEqual([]);
        expect([...jobs.values()].every((events) => events.some(({ event }) => event === 'finished'))).toBe(true);
      }, 2 * minute);
      expect(await breachesOf(stack)).toEqual([]);
    },
  );
});
