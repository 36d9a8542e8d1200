import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { SurfacedError, WorkflowLife } from '../../domain/invariants/account.ts';
import { everyErrorKnown, noFailedWorkflow, replayable, secretsIn } from '../../domain/invariants/histories.ts';
import { invariants } from '../../domain/invariants/invariants.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import { healthy, hour, start, workflow } from './invariants-support.ts';

/** A workflow of one run that has these fields. */
function withRun(id: string, fields: Partial<WorkflowLife['runs'][number]>): WorkflowLife {
  const life = workflow(id, start);
  return { ...life, runs: life.runs.map((run) => ({ ...run, ...fields })) };
}

describe('replayable', () => {
  const check = (...workflows: WorkflowLife[]) => replayable(healthy({ workflows }));

  test('a history has fewer than 10,000 events', () => {
    expect(check(withRun('pool/build', { events: 9_999 }))).toEqual([]);
    expect(check(withRun('pool/build', { events: 10_000 }))).toEqual([
      {
        invariant: 'replayable',
        at: start,
        subject: 'pool/build run of pool/build',
        message: 'Its history has 10000 events, at most 9999.',
      },
    ]);
  });

  test('every run counts for itself, also those that continued as new', () => {
    const life = workflow('pool/build', start);
    const [run] = life.runs as [WorkflowLife['runs'][number]];
    const before = { ...run, runId: 'before', status: 'continuedAsNew' as const, closedAt: start + hour };
    expect(
      check({
        ...life,
        runs: [
          { ...before, events: 6_000 },
          { ...run, events: 6_000 },
        ],
      }),
    ).toEqual([]);
    expect(check({ ...life, runs: [{ ...before, events: 12_000 }, run] })).toMatchObject([
      { subject: 'pool/build before' },
    ]);
  });

  test('a history that did not replay is a breach once, however long it is', () => {
    const failed = withRun('pool/build', { events: 20_000, replayFailure: 'no command for TimerStarted' });
    expect(check(failed)).toMatchObject([{ message: 'It did not replay: no command for TimerStarted' }]);
  });
});

describe('noFailedWorkflow', () => {
  const check = (status: WorkflowLife['runs'][number]['status']) =>
    noFailedWorkflow(healthy({ workflows: [withRun('lease/contoso/10', { status, closedAt: start + hour })] }));

  test.each(['failed', 'timedOut'] as const)('a workflow that ended as %s is a breach', (status) => {
    expect(check(status)).toEqual([
      {
        invariant: 'noFailedWorkflow',
        at: start + hour,
        subject: 'lease/contoso/10',
        message: `It ended as ${status}.`,
      },
    ]);
  });

  test.each(['running', 'completed', 'continuedAsNew', 'cancelled', 'terminated'] as const)(
    'one that is or ended as %s is not: people cancel and terminate',
    (status) => {
      expect(check(status)).toEqual([]);
    },
  );
});

describe('everyErrorKnown', () => {
  const error = (code: string): SurfacedError => ({
    at: start,
    code,
    message: 'There is no quota.',
    hint: 'Ask for more.',
    where: 'pool/build',
  });
  const check = (errors: SurfacedError[], knownErrors?: string[]) =>
    everyErrorKnown(healthy({ errors }), {
      ...defaultRules,
      ...(knownErrors && { knownErrors: new Set(knownErrors) }),
    });

  test('a code of the catalogue is known, another one is a breach', () => {
    expect(check([error('QuotaExceeded'), error('Oops')], ['QuotaExceeded'])).toEqual([
      {
        invariant: 'everyErrorKnown',
        at: start,
        subject: 'Oops',
        message: 'It is not in the catalogue; seen in pool/build: There is no quota.',
      },
    ]);
  });

  test('a known code without a hint is a breach', () => {
    const [shown] = check([{ ...error('QuotaExceeded'), hint: ' ' }], ['QuotaExceeded']);
    expect(shown?.message).toBe('It has no hint; seen in pool/build: There is no quota.');
  });

  test('codes are names: their letters count', () => {
    expect(check([error('quotaexceeded')], ['QuotaExceeded'])).toHaveLength(1);
  });

  test('an empty catalogue knows nothing; without a catalogue nothing is said', () => {
    expect(check([error('QuotaExceeded')], [])).toHaveLength(1);
    expect(check([error('QuotaExceeded')])).toEqual([]);
  });
});

describe('secretsIn', () => {
  const canaries = { 'the client secret': 'ODPCANARY-7f3a', 'the access token': 'ODPCANARY-91cc' };

  test('finds each secret in each text, and does not repeat it', () => {
    const texts = [
      { where: 'history of pool/build', text: 'no secret here' },
      { where: 'worker.log', text: 'Bearer ODPCANARY-91cc and ODPCANARY-7f3a, again ODPCANARY-7f3a' },
    ];
    const found = secretsIn(texts, canaries);
    expect(found).toEqual([
      { invariant: 'noSecret', at: 0, subject: 'worker.log', message: 'It holds the client secret.' },
      { invariant: 'noSecret', at: 0, subject: 'worker.log', message: 'It holds the access token.' },
    ]);
    expect(JSON.stringify(found)).not.toContain('ODPCANARY');
  });

  test('a secret that is not set is in no text', () => {
    expect(secretsIn([{ where: 'worker.log', text: 'anything' }], { 'the proxy password': '' })).toEqual([]);
  });

  test('a secret is found wherever it stands', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), fc.string(), (before, secret, after) => {
        expect(secretsIn([{ where: 'a log', text: before + secret + after }], { it: secret })).toHaveLength(1);
      }),
    );
  });
});

describe('the list of invariants', () => {
  test('each has a name of its own, which its breaches bear, and a promise of one sentence', () => {
    const names = invariants.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { promise } of invariants) expect(promise).toMatch(/^[A-Z].*\.$/);
    for (const { name, check } of invariants) expect(check.name).toBe(name);
  });
});
