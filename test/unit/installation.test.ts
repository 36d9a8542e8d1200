import fc from 'fast-check';
import { imageCatalogue, installationLimits, parseInstallation } from '../../domain/installation.ts';
import { defaultLimits } from '../../domain/limits.ts';
import type { Violation } from '../../domain/violation.ts';
import { testInstallation } from '../support/installation.ts';
import { steps, withValue } from '../support/pool-document.ts';

/** The least that an installation says. */
const least = {
  name: 'production',
  engine: { address: 'engine:7233' },
  azure: { subscriptionId: 's', resourceGroup: 'agents', credential: { kind: 'default' } },
};

function violationsOf(input: unknown): Violation[] {
  const parsed = parseInstallation(input);
  return 'violations' in parsed ? parsed.violations : [];
}

test('the least that an installation says is enough, and its defaults are filled in', () => {
  expect(parseInstallation(least)).toEqual({
    installation: {
      ...least,
      engine: { address: 'engine:7233', namespace: 'default' },
      azureDevOps: { organizations: [] },
      images: {},
      audit: { scheduled: true },
    },
  });
});

test('everything that an installation can say is read', () => {
  const everything = {
    ...least,
    engine: {
      address: 'a:7233',
      namespace: 'pools',
      apiKey: { environment: 'API_KEY' },
      tls: { serverName: 'a', caFile: 'ca.pem', certificateFile: 'c.pem', keyFile: 'k.pem' },
    },
    azure: {
      ...least.azure,
      subnetId: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/d',
      resourceManagerEndpoint: 'https://localhost:1',
      scope: 'https://management.azure.com/.default',
      authorityHost: 'https://localhost:1',
      caCertificateFile: 'ca.pem',
      credential: { kind: 'clientSecret', tenantId: 't', clientId: 'c', secret: { file: 'secret' } },
    },
    azureDevOps: {
      organizations: [
        { url: 'http://127.0.0.1:8080/contoso', credential: { kind: 'personalAccessToken', token: { file: 'token' } } },
        { url: 'https://dev.azure.com/other', credential: { kind: 'entra' } },
      ],
    },
    images: { own: { operatingSystem: 'Linux', reference: { kind: 'gallery', id: '/x' } } },
    audit: { scheduled: false },
    agentPackage: {
      linux: { url: 'https://mirror.contoso.com/agent.tar.gz', sha256: 'a'.repeat(64) },
      windows: { url: 'https://mirror.contoso.com/agent.zip', sha256: 'b'.repeat(64) },
    },
    proxyCredentials: { corporate: { userName: 'agent', password: { file: 'proxy-password' } } },
    limits: { agent: { connectMs: 1_000 } },
  };
  expect(parseInstallation(everything)).toEqual({ installation: everything });
});

describe('a mistake is refused with its path and the rule', () => {
  test.each([
    ['name', 'Capital', 'PatternMismatch'],
    ['name', undefined, 'Required'],
    ['engine.address', undefined, 'Required'],
    ['engine.adress', 'x', 'UnknownProperty'],
    ['engine.apiKey', 'hunter2', 'WrongType'],
    ['engine.apiKey', { value: 'hunter2' }, 'WrongType'],
    ['azure.resourceGroup', 'ends.', 'PatternMismatch'],
    ['azure.subnetId', 'default', 'PatternMismatch'],
    ['azure.resourceManagerEndpoint', 'localhost', 'PatternMismatch'],
    ['azure.credential.kind', 'secret', 'NotAllowedValue'],
    ['azureDevOps.organizations', 'contoso', 'WrongType'],
    ['azureDevOps.organizations[0].url', 'https://me:hunter2@dev.azure.com/c', 'PatternMismatch'],
    ['images.own.operatingSystem', 'MacOS', 'NotAllowedValue'],
    ['limits.agent.connectMs', 0, 'OutOfRange'],
    ['limits.agent.conectMs', 5, 'UnknownProperty'],
    ['limits.audit.deletionsShare', 1.5, 'OutOfRange'],
    ['audit.scheduled', 'no', 'WrongType'],
    ['agentPackage.linux.sha256', undefined, 'Required'],
    ['agentPackage.linux.sha256', 'A'.repeat(64), 'PatternMismatch'],
    ['agentPackage.linux.url', 'https://mirror.contoso.com/agent.tar.gz?signature=hunter2', 'PatternMismatch'],
    ['proxyCredentials.corporate.password', 'hunter2', 'WrongType'],
  ])('%s as %j: %s', (path, value, rule) => {
    const base = {
      ...least,
      azureDevOps: { organizations: [{ url: 'https://dev.azure.com/c', credential: { kind: 'entra' } }] },
      images: { own: { operatingSystem: 'Linux', reference: { kind: 'gallery', id: '/x' } } },
      audit: {},
      agentPackage: { linux: { url: 'https://mirror.contoso.com/agent.tar.gz', sha256: 'a'.repeat(64) } },
      proxyCredentials: { corporate: { userName: 'agent', password: { file: 'proxy-password' } } },
      limits: { agent: {}, audit: {} },
    };
    const violations = violationsOf(withValue(base, steps(path), value));
    expect(violations).toEqual([expect.objectContaining({ path, rule })]);
    expect(JSON.stringify(violations)).not.toContain('hunter2');
  });
});

test('no value of an installation is ever repeated, for any of them may be a misplaced secret', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(
        'name',
        'engine',
        'engine.apiKey',
        'azure',
        'azure.credential',
        'azureDevOps',
        'images',
        'limits',
      ),
      fc.constantFrom('hunter2!', ['hunter2!'], { file: 'x', password: 'hunter2!' }),
      (path, value) => {
        const violations = violationsOf(withValue(least, steps(path), value));
        expect(violations.length).toBeGreaterThan(0);
        expect(JSON.stringify(violations)).not.toContain('hunter2!');
      },
    ),
  );
});

test('limits are the production values, overridden one by one', () => {
  expect(installationLimits(testInstallation())).toEqual(defaultLimits);
  const installation = testInstallation({ limits: { agent: { connectMs: 5 }, observer: { intervalMs: 7 } } });
  expect(installationLimits(installation)).toEqual({
    agent: { ...defaultLimits.agent, connectMs: 5 },
    pool: defaultLimits.pool,
    observer: { ...defaultLimits.observer, intervalMs: 7 },
    audit: defaultLimits.audit,
  });
});

test('the audit is scheduled unless the document says otherwise, and its cap is a share', () => {
  expect(testInstallation().audit).toEqual({ scheduled: true });
  const installation = testInstallation({ audit: { scheduled: false }, limits: { audit: { deletionsShare: 0.5 } } });
  expect(installation.audit).toEqual({ scheduled: false });
  expect(installationLimits(installation).audit).toEqual({ ...defaultLimits.audit, deletionsShare: 0.5 });
});

test("the catalogue has the product's names, and the operator's own over them", () => {
  const own = { operatingSystem: 'Linux' as const, reference: { kind: 'gallery' as const, id: '/x' } };
  const catalogue = imageCatalogue({ images: { 'ubuntu-24.04-g2': own, mine: own } });
  expect(catalogue).toMatchObject({ 'ubuntu-24.04-g2': own, mine: own });
  expect(catalogue['ubuntu-22.04-g2']?.reference).toMatchObject({ offer: '0001-com-ubuntu-server-jammy' });
  expect(catalogue['windows-2022-g2']?.operatingSystem).toBe('Windows');
});
