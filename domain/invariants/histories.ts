import type { Account, Breach } from './account.ts';
import type { InvariantRules } from './rules.ts';

/** Far below the 51,200 events at which the server ends a run, and what its Web UI can still show. */
const mostEvents = 9_999;

/** Every history replays on the code that runs, and stays short. */
export function replayable({ workflows }: Account): Breach[] {
  return workflows.flatMap(({ id, runs }) =>
    runs.flatMap(({ runId, startedAt, events, replayFailure }) => {
      const breach = (message: string): Breach => ({
        invariant: 'replayable',
        at: startedAt,
        subject: `${id} ${runId}`,
        message,
      });
      if (replayFailure !== undefined) return [breach(`It did not replay: ${replayFailure}`)];
      return events > mostEvents ? [breach(`Its history has ${events} events, at most ${mostEvents}.`)] : [];
    }),
  );
}

/** Every error that users see is in the catalogue, and says what would be right. */
export function everyErrorKnown({ errors }: Account, { knownErrors }: InvariantRules): Breach[] {
  if (!knownErrors) return [];
  return errors.flatMap(({ at, code, message, hint, where }) => {
    const breach = (wrong: string): Breach[] => [
      { invariant: 'everyErrorKnown', at, subject: code, message: `${wrong}; seen in ${where}: ${message}` },
    ];
    if (!knownErrors.has(code)) return breach('It is not in the catalogue');
    return hint.trim() === '' ? breach('It has no hint') : [];
  });
}

/** No workflow fails: an agent's ends by proving that nothing is left, a lease's with its job, whatever happened. */
export function noFailedWorkflow({ workflows }: Account): Breach[] {
  return workflows.flatMap(({ id, runs }) =>
    runs
      .filter(({ status }) => status === 'failed' || status === 'timedOut')
      .map(({ closedAt, startedAt, status }) => ({
        invariant: 'noFailedWorkflow',
        at: closedAt ?? startedAt,
        subject: id,
        message: `It ended as ${status}.`,
      })),
  );
}

/** No secret in anything that people or programs can read. The texts are those of a run, the canaries its secrets. */
export function secretsIn(
  texts: Iterable<{ where: string; text: string }>,
  canaries: Readonly<Record<string, string>>,
): Breach[] {
  const breaches: Breach[] = [];
  for (const { where, text } of texts) {
    for (const [name, secret] of Object.entries(canaries)) {
      if (secret === '' || !text.includes(secret)) continue;
      // The message names the secret, never its value.
      breaches.push({ invariant: 'noSecret', at: 0, subject: where, message: `It holds ${name}.` });
    }
  }
  return breaches;
}
