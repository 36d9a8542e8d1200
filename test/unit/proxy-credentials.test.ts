import { createProxyCredentials } from '../../workers/proxy-credentials.ts';

const passwords: Record<string, string> = { PROXY: 'one' };
const credentials = createProxyCredentials(
  { proxyCredentials: { corporate: { userName: 'agent', password: { environment: 'PROXY' } } } },
  (reference) => ('environment' in reference ? (passwords[reference.environment] ?? '') : ''),
);

test('a password is read anew for each machine, so that a rotated one is taken up', () => {
  expect(credentials('corporate')).toEqual({ userName: 'agent', password: 'one' });
  passwords['PROXY'] = 'two';
  expect(credentials('corporate')).toEqual({ userName: 'agent', password: 'two' });
});

test.each(['other', 'toString'])('a name that the installation lost, such as %s, is told by its name alone', (name) => {
  expect(() => credentials(name)).toThrow(
    expect.objectContaining({ type: 'SecretNotFound', message: expect.stringContaining(`'${name}'`) }),
  );
});
