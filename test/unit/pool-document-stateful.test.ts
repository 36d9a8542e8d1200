import { parsePoolDocument } from '../../domain/pool-document/parse.ts';
import { specify } from '../../domain/pool-document/specify.ts';
import { testInstallation } from '../support/installation.ts';
import { steps, validPoolDocument, withValue } from '../support/pool-document.ts';

const hour = 3_600_000;
const day = 24 * hour;

function specified(changes: Record<string, unknown>) {
  const document = Object.entries(changes).reduce<unknown>(
    (changed, [path, value]) => withValue(changed, steps(path), value),
    validPoolDocument(),
  );
  const parsed = parsePoolDocument(document);
  return 'violations' in parsed ? parsed : specify(parsed.document, testInstallation());
}

const statefulOf = (changes: Record<string, unknown>) => {
  const answer = specified(changes);
  if ('violations' in answer) throw new Error(JSON.stringify(answer.violations));
  return answer.specification.stateful;
};

const violationsOf = (changes: Record<string, unknown>) => {
  const answer = specified(changes);
  if (!('violations' in answer)) throw new Error('the document was accepted');
  return answer.violations;
};

const agentProfile = 'properties.agentProfile';
const park = 'properties.operatorProfile';

test('a stateless pool says nothing of the lives of its agents', () => {
  expect(statefulOf({})).toBeUndefined();
});

test('a stateful agent lives for seven days, waits for nothing and is not parked, unless the document says otherwise', () => {
  expect(statefulOf({ [agentProfile]: { kind: 'Stateful' } })).toEqual({
    lifetimeMs: 7 * day,
    graceMs: 0,
    park: false,
  });
  expect(
    statefulOf({
      [agentProfile]: { kind: 'Stateful', maxAgentLifetime: '1.12:00:00', gracePeriodTimeSpan: '00:30:00' },
      [park]: { park: true },
    }),
  ).toEqual({ lifetimeMs: 36 * hour, graceMs: hour / 2, park: true });
});

test('a life in which no machine could come up is refused', () => {
  expect(violationsOf({ [agentProfile]: { kind: 'Stateful', maxAgentLifetime: '00:09:59' } })).toEqual([
    expect.objectContaining({ path: `${agentProfile}.maxAgentLifetime`, rule: 'OutOfRange', value: '00:09:59' }),
  ]);
  expect(statefulOf({ [agentProfile]: { kind: 'Stateful', maxAgentLifetime: '00:10:00' } })?.lifetimeMs).toBe(600_000);
});

test('a stateless agent is not parked', () => {
  expect(violationsOf({ [park]: { park: true } })).toEqual([
    expect.objectContaining({ path: `${park}.park`, rule: 'NotAllowedValue' }),
  ]);
});

test('a machine that cannot be deallocated is not parked', () => {
  const violations = violationsOf({
    [agentProfile]: { kind: 'Stateful' },
    [park]: { park: true },
    'properties.fabricProfile.images[1].ephemeralType': 'Automatic',
  });
  expect(violations).toContainEqual(
    expect.objectContaining({
      path: 'properties.fabricProfile.images[1].ephemeralType',
      rule: 'NotAllowedValue',
      message: expect.stringMatching(/cannot deallocate/) as string,
    }),
  );
});
