import type { Installation } from '../installation.ts';
import type { MachineSpecification } from '../pool-specification.ts';
import { propertyPath } from '../validation/path.ts';
import type { Violation } from '../violation.ts';
import type { PoolDocument } from './schema.ts';

type Proxy = NonNullable<NonNullable<PoolDocument['properties']['operatorProfile']>['proxy']>;

const path = ['properties', 'operatorProfile', 'proxy'] as const;

/** What of a proxy only the installation and a reader of regular expressions can judge. */
export function proxyViolations(
  { properties }: PoolDocument,
  { proxyCredentials = {} }: Pick<Installation, 'proxyCredentials'>,
): Violation[] {
  const proxy = properties.operatorProfile?.proxy;
  if (proxy === undefined) return [];
  const { credential, bypass = [] } = proxy;
  const known = Object.keys(proxyCredentials);
  const unknown: Violation[] =
    credential === undefined || known.includes(credential)
      ? []
      : [
          {
            path: propertyPath([...path, 'credential']),
            rule: 'NotAllowedValue',
            message: `The installation has ${known.length === 0 ? 'no proxyCredentials' : `these proxyCredentials: ${known.join(', ')}`}. Name one of its own, or ask the operator to add it.`,
            value: credential,
          },
        ];
  return [
    ...unknown,
    ...bypass.flatMap((expression, index): Violation[] =>
      isExpression(expression)
        ? []
        : [
            {
              path: propertyPath([...path, 'bypass', index]),
              rule: 'PatternMismatch',
              message: 'It must be a regular expression on one line, such as ^https://github\\.com.',
              value: expression,
            },
          ],
    ),
  ];
}

/** The proxy as machines need it. */
export function proxyOf(proxy: Proxy | undefined): Pick<MachineSpecification, 'proxy'> {
  if (proxy === undefined) return {};
  const { url, credential, bypass = [] } = proxy;
  return {
    proxy: {
      url: url.replace(/\/$/, ''),
      ...(credential === undefined ? {} : { credential }),
      ...(bypass.length === 0 ? {} : { bypass: [...bypass] }),
    },
  };
}

/** The agent reads one expression per line, with the syntax of ECMAScript, and passes over what is none. */
function isExpression(text: string): boolean {
  if (/[\r\n]/.test(text) || text.trim() === '') return false;
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}
