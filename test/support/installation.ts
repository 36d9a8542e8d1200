import { parseInstallation, type Installation } from '../../domain/installation.ts';

/** An installation that names no real place; tests that reach a cloud override what they need. */
export function testInstallation(overrides: Record<string, unknown> = {}): Installation {
  const parsed = parseInstallation({
    name: 'test',
    engine: { address: '127.0.0.1:7233' },
    azure: {
      subscriptionId: '00000000-0000-0000-0000-000000000001',
      resourceGroup: 'agents',
      subnetId:
        '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/agents/providers/Microsoft.Network/virtualNetworks/agents/subnets/default',
      credential: { kind: 'default' },
    },
    azureDevOps: { organizations: [] },
    images: {},
    ...overrides,
  });
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  return parsed.installation;
}
