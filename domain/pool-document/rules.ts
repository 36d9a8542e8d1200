import type { Rule, Violation } from '../violation.ts';
import { arrayAt, propertyPath, valueAt, type PathStep } from '../validation/path.ts';
import { shownValue } from '../validation/zod-violations.ts';
import { placementViolations } from './placement-rules.ts';
import { timeSpanMs } from './primitives.ts';

/**
 * Rules that concern several properties. They read the document as it came, not as the schema understood it, so that
 * they also speak about a document that is wrong elsewhere; what is missing or of the wrong type is the schema's to say.
 */

/** Where the images are. */
export const imagesPath = ['properties', 'fabricProfile', 'images'] as const;
const organizationsPath = ['properties', 'organizationProfile', 'organizations'] as const;
const agentPath = ['properties', 'agentProfile'] as const;

/** ARM's bound of tags on one resource. */
const maximumTags = 50;

/** Everything that several properties break together. */
export function crossFieldViolations(document: unknown): Violation[] {
  return [
    imageSources,
    duplicateAliases,
    buffers,
    organizationShares,
    duplicateOrganizations,
    duplicateProjects,
    permissionAccounts,
    standbyCounts,
    standbyScheme,
    (one: unknown) => noTime(one, [...agentPath, 'maxAgentLifetime']),
    (one: unknown) => noTime(one, ['properties', 'operatorProfile', 'retainedFailures', 'timeSpan']),
    userAssignedIdentities,
    tags,
    placementViolations,
  ].flatMap((rule) => rule(document));
}

function imageSources(document: unknown): Violation[] {
  return arrayAt(document, ...imagesPath).flatMap((image, index) => {
    if (!isObject(image)) return [];
    const sources = ['resourceId', 'wellKnownImageName'].filter((name) => valueAt(image, name) !== undefined);
    if (sources.length === 1) return [];
    const message =
      sources.length === 0
        ? 'The image needs a source: either resourceId or wellKnownImageName.'
        : 'The image has two sources. Keep either resourceId or wellKnownImageName.';
    return [violation([...imagesPath, index], 'ExactlyOneOf', message)];
  });
}

/** A demand must mean one image: aliases and the predefined names of well-known images share one space of names. */
function duplicateAliases(document: unknown): Violation[] {
  const owners = new Map<string, PathStep[]>();
  return arrayAt(document, ...imagesPath).flatMap((image, index) => {
    const wellKnown = valueAt(image, 'wellKnownImageName');
    const aliases = arrayAt(image, 'aliases').map((alias, position) => ({ name: alias, at: ['aliases', position] }));
    const predefined = typeof wellKnown === 'string' ? (wellKnown.split('/')[0] ?? '') : undefined;
    // An alias that only repeats the image's own predefined name is harmless.
    const own = aliases.filter(({ name }) => !sameName(name, predefined));
    const names = predefined === undefined ? own : [...own, { name: predefined, at: ['wellKnownImageName'] }];
    return names.flatMap(({ name, at }) => {
      if (typeof name !== 'string') return [];
      const path = [...imagesPath, index, ...at];
      const owner = owners.get(name.toLowerCase());
      if (owner) return [duplicate(path, name, owner)];
      owners.set(name.toLowerCase(), path);
      return [];
    });
  });
}

function buffers(document: unknown): Violation[] {
  const images = arrayAt(document, ...imagesPath);
  const given = images.map((image) => valueAt(image, 'buffer') ?? '*');
  if (given.every((buffer) => buffer === '*')) return [];
  const numbers = given.map((buffer) =>
    typeof buffer === 'string' && /^\d{1,3}$/.test(buffer) ? Number(buffer) : NaN,
  );
  const total = numbers.reduce((sum, buffer) => sum + buffer, 0);
  if (total === 100) return [];
  const shown = given.map((buffer) => `${shownValue(buffer) ?? typeof buffer}`).slice(0, 20);
  const found = Number.isNaN(total) ? `found ${shown.join(', ')}` : `they total ${total}`;
  const message = `The buffers of all images must be '*', or whole numbers that total 100; ${found}.`;
  return [violation(imagesPath, 'BuffersMustTotal100', message)];
}

function organizationShares(document: unknown): Violation[] {
  const organizations = arrayAt(document, ...organizationsPath);
  const shares = organizations.map((organization) => valueAt(organization, 'parallelism'));
  if (valueAt(document, 'properties', 'organizationProfile', 'kind') === 'GitHub') return [];
  if (organizations.length === 0 || (organizations.length === 1 && shares[0] === undefined)) return [];
  const missing = shares.flatMap((share, index) =>
    share === undefined
      ? [
          violation(
            [...organizationsPath, index, 'parallelism'],
            'Required',
            'It is required where a pool serves several organisations: a whole number.',
          ),
        ]
      : [],
  );
  const maximum = valueAt(document, 'properties', 'maximumConcurrency');
  if (missing.length > 0 || typeof maximum !== 'number' || !shares.every(isShare)) {
    return missing;
  }
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (total === maximum) return [];
  const message = `The shares of all organisations must total maximumConcurrency, ${maximum}; they total ${total}.`;
  return [violation(organizationsPath, 'ParallelismMustTotalMaximumConcurrency', message)];
}

function isShare(share: unknown): share is number {
  return typeof share === 'number' && share >= 1 && share <= 10_000;
}

function duplicateOrganizations(document: unknown): Violation[] {
  const urls = arrayAt(document, ...organizationsPath).map((organization, index) => ({
    name: withoutSlash(valueAt(organization, 'url')),
    path: [...organizationsPath, index, 'url'],
  }));
  return duplicates(urls);
}

function duplicateProjects(document: unknown): Violation[] {
  return arrayAt(document, ...organizationsPath).flatMap((organization, index) =>
    duplicates(
      arrayAt(organization, 'projects').map((name, position) => ({
        name,
        path: [...organizationsPath, index, 'projects', position],
      })),
    ),
  );
}

function permissionAccounts(document: unknown): Violation[] {
  const path = ['properties', 'organizationProfile', 'permissionProfile'];
  const profile = valueAt(document, ...path);
  if (!isObject(profile)) return [];
  const named = ['users', 'groups'].filter((name) => arrayAt(profile, name).length > 0);
  if (valueAt(profile, 'kind') === 'SpecificAccounts') {
    return named.length > 0 ? [] : [violation(path, 'Required', 'SpecificAccounts needs users or groups.')];
  }
  return named.map((name) =>
    violation([...path, name], 'NotAllowedValue', 'Accounts may be named only where kind is SpecificAccounts.'),
  );
}

function standbyCounts(document: unknown): Violation[] {
  const maximum = valueAt(document, 'properties', 'maximumConcurrency');
  if (typeof maximum !== 'number') return [];
  const path = [...agentPath, 'resourcePredictions', 'daysData'];
  return arrayAt(document, ...path).flatMap((day, index) =>
    Object.entries(isObject(day) ? day : {}).flatMap(([time, count]) => {
      if (typeof count !== 'number' || count <= maximum) return [];
      const message = `There cannot be more standby agents than maximumConcurrency, ${maximum}.`;
      return [{ ...violation([...path, index, time], 'OutOfRange', message), value: count }];
    }),
  );
}

/** A scheme without a profile, or a profile without a scheme, would silently mean "no standby agents". */
function standbyScheme(document: unknown): Violation[] {
  const path = [...agentPath, 'resourcePredictions'];
  const days = valueAt(document, ...path, 'daysData');
  const profile = valueAt(document, ...agentPath, 'resourcePredictionsProfile');
  if (valueAt(profile, 'kind') === 'Manual') {
    if (days === undefined) return [violation([...path, 'daysData'], 'Required', 'Manual standby needs it: a list.')];
    const empty =
      Array.isArray(days) && days.length > 0 && days.every((day) => isObject(day) && Object.keys(day).length === 0);
    const message = 'It needs at least one time with a count; {} means "no change", not zero.';
    return empty ? [violation([...path, 'daysData'], 'TooFew', message)] : [];
  }
  if (days === undefined) return [];
  const kind = profile === undefined ? 'there is no resourcePredictionsProfile' : 'its kind is not Manual';
  const message = `daysData has no effect because ${kind}. Set resourcePredictionsProfile to { kind: Manual }.`;
  return [violation([...agentPath, 'resourcePredictionsProfile'], 'Required', message)];
}

function noTime(document: unknown, path: PathStep[]): Violation[] {
  const span = valueAt(document, ...path);
  if (typeof span !== 'string' || timeSpanMs(span) !== 0) return [];
  return [{ ...violation(path, 'OutOfRange', 'It must be longer than 00:00:00.'), value: span }];
}

const identityId =
  /^\/subscriptions\/[^/\s]+\/resourceGroups\/[^/\s]+\/providers\/Microsoft\.ManagedIdentity\/userAssignedIdentities\/[^/\s]+$/i;

function userAssignedIdentities(document: unknown): Violation[] {
  const type = valueAt(document, 'identity', 'type');
  const identities = valueAt(document, 'identity', 'userAssignedIdentities');
  const ids = isObject(identities) ? Object.keys(identities) : [];
  const path = ['identity', 'userAssignedIdentities'];
  const message =
    'It must be the ARM id of a user-assigned identity: /subscriptions/{id}/resourceGroups/{name}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}.';
  const wrong = [
    ...ids.filter((id) => !identityId.test(id)).map((id) => violation([...path, id], 'PatternMismatch', message)),
    ...duplicates(ids.map((id) => ({ name: id, path: [...path, id] }))),
  ];
  if (typeof type !== 'string' || type.includes('UserAssigned') === ids.length > 0) return wrong;
  return ids.length > 0
    ? [
        ...wrong,
        violation(['identity', 'type'], 'NotAllowedValue', 'Identities are listed, so it must be UserAssigned.'),
      ]
    : [violation(['identity', 'userAssignedIdentities'], 'Required', 'It is required where type is UserAssigned.')];
}

function tags(document: unknown): Violation[] {
  const given = valueAt(document, 'tags');
  const names = isObject(given) ? Object.keys(given) : [];
  const message = `A resource has at most ${maximumTags} tags; there are ${names.length}.`;
  return [
    ...(names.length > maximumTags ? [violation(['tags'], 'TooMany', message)] : []),
    ...duplicates(names.map((name) => ({ name, path: ['tags', name] }))),
  ];
}

/** Everything but the first of each name, without regard to case. */
function duplicates(items: { name: unknown; path: PathStep[] }[]): Violation[] {
  const first = new Map<string, PathStep[]>();
  return items.flatMap(({ name, path }) => {
    if (typeof name !== 'string') return [];
    const earlier = first.get(name.toLowerCase());
    if (earlier) return [duplicate(path, name, earlier)];
    first.set(name.toLowerCase(), path);
    return [];
  });
}

function duplicate(path: readonly PathStep[], name: string, earlier: readonly PathStep[]): Violation {
  const message = `'${String(shownValue(name))}' is already used by ${propertyPath(earlier)}; case makes no difference.`;
  return violation(path, 'Duplicate', message);
}

function violation(path: readonly PathStep[], rule: Rule, message: string): Violation {
  return { path: propertyPath(path), rule, message };
}

function sameName(one: unknown, other: string | undefined): boolean {
  return typeof one === 'string' && one.toLowerCase() === other?.toLowerCase();
}

function withoutSlash(url: unknown): unknown {
  return typeof url === 'string' ? url.replace(/\/{1,100}$/, '') : url;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
