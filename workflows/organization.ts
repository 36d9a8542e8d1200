import {
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  log,
  allHandlersFinished,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { FailureDetails } from '../domain/failure.ts';
import type { OrganizationInput, WatchedPool } from '../domain/messages.ts';
import { observer } from './activity-profiles.ts';
import { failureDetails } from './failures.ts';
import { organizationView, unwatchPool, watchPool } from './messages.ts';

/** After an observer failed for good (credentials, for example), how long until it is tried again. */
const retryAfterFailureMs = 30_000;

/**
 * Keeps exactly one observer activity running for one organisation, over the pools that it was told to watch. A change
 * of the list cancels the activity and starts it anew with the new list. Ends when no pool is left; continues as new
 * with the list when the server suggests it or after `signalsPerRun` signals.
 */
export async function organization(input: OrganizationInput): Promise<void> {
  const pools = new Map(input.pools.map((watched) => [watched.pool, watched]));
  let version = 0;

  let signals = 0;
  const changed = (change: () => boolean) => {
    signals++;
    if (change()) version++;
  };
  // The server refuses signals at 10,000 in a run and does not count them in its own suggestion.
  const shouldContinueAsNew = () => workflowInfo().continueAsNewSuggested || signals >= input.limits.pool.signalsPerRun;
  setHandler(watchPool, (watched) => changed(() => put(pools, watched)), { description: 'Observe this pool too.' });
  setHandler(unwatchPool, ({ pool }) => changed(() => pools.delete(pool)), {
    description: 'Observe this pool no longer.',
  });
  setHandler(organizationView, () => ({ organization: input.organization, pools: [...pools.values()] }), {
    description: 'The pools that this organisation serves.',
  });

  // A start by signal delivers its signal before the first activation, a start by hand may send it a moment later.
  await condition(() => pools.size > 0, '1m', { summary: 'wait for the first pool' });

  while (pools.size > 0) {
    const seen = version;
    setCurrentDetails(`Watches ${[...pools.keys()].join(', ')}.`);
    await observeUntil(() => version !== seen || shouldContinueAsNew(), input, [...pools.values()]);
    if (shouldContinueAsNew()) {
      await condition(allHandlersFinished);
      return await continueAsNew<typeof organization>({ ...input, pools: [...pools.values()] });
    }
  }
  setCurrentDetails('Serves no pool any more.');
}

function put(pools: Map<string, WatchedPool>, watched: WatchedPool): boolean {
  const known = pools.get(watched.pool);
  pools.set(watched.pool, watched);
  return (
    known?.agentPoolId !== watched.agentPoolId || known.machines?.subscriptionId !== watched.machines?.subscriptionId
  );
}

/** Runs one observer activity until it returns, fails, or `interrupted` turns true. */
async function observeUntil(interrupted: () => boolean, input: OrganizationInput, pools: WatchedPool[]): Promise<void> {
  const { organization: name, url, limits } = input;
  const scope = new CancellationScope();
  let done = false;
  let failure: FailureDetails | undefined;
  const observing = scope
    .run(() =>
      observer.observeOrganization.executeWithOptions(
        {
          summary: `observe ${pools.length} pool(s) of ${name}`,
          heartbeatTimeout: limits.observer.heartbeatMs,
          // Twice its own length: the activity returns by itself, this only catches one that hangs.
          startToCloseTimeout: 2 * limits.observer.activityMs,
        },
        [{ organization: name, url, pools, limits: limits.observer }],
      ),
    )
    .catch((error: unknown) => {
      if (!isCancellation(error)) failure = failureDetails(error);
    })
    .finally(() => {
      done = true;
    });
  await condition(() => done || interrupted());
  if (!done) scope.cancel();
  await observing;
  if (failure) {
    log.error('observer failed', { organization: name, code: failure.code });
    setCurrentDetails(`The observer failed: ${failure.message} ${failure.hint} It is tried again in 30 seconds.`);
    await condition(interrupted, retryAfterFailureMs, { summary: `try again after ${failure.code}` });
  }
}
