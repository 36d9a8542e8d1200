import type { CatalogueImage } from '../image-catalogue.ts';
import type { ImageReference } from '../pool-specification.ts';

/** One path segment. */
const segment = '([^/]+)';

/** `…/Publishers/<p>/ArtifactTypes/VMImage/Offers/<o>/Skus/<s>/Versions/<v>`, as the portal of the product writes it. */
const marketplaceId = new RegExp(
  `^/subscriptions/${segment}/providers/microsoft\\.compute/locations/${segment}/publishers/${segment}` +
    `/artifacttypes/vmimage/offers/${segment}/skus/${segment}(?:/versions/${segment})?$`,
  'i',
);

/** `/<publisher>/<offer>/<sku>/<version>`, as the examples of the API write it. */
const marketplaceShort = new RegExp(`^/${segment}/${segment}/${segment}/${segment}$`);

const galleryId =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Compute\/galleries\/[^/]+\/images\/([^/]+)(?:\/versions\/[^/]+)?$/i;
const sharedGalleryId = /^\/SharedGalleries\/[^/]+\/Images\/([^/]+)(?:\/Versions\/[^/]+)?$/i;
const communityGalleryId = /^\/CommunityGalleries\/[^/]+\/Images\/([^/]+)(?:\/Versions\/[^/]+)?$/i;

/** The forms of `resourceId` that are understood, for messages. */
export const resourceIdForms =
  '/subscriptions/…/Publishers/…/ArtifactTypes/VMImage/Offers/…/Skus/…/Versions/…, /publisher/offer/sku/version, ' +
  '/subscriptions/…/galleries/…/images/…, /SharedGalleries/…/Images/… or /CommunityGalleries/…/Images/…';

/** What a `resourceId` names, and a short name for it; `undefined` when it has none of the known forms. */
export function referenceOfResourceId(resourceId: string): { reference: ImageReference; name: string } | undefined {
  const galleries = [
    { kind: 'gallery', pattern: galleryId },
    { kind: 'sharedGallery', pattern: sharedGalleryId },
    { kind: 'communityGallery', pattern: communityGalleryId },
  ] as const;
  for (const { kind, pattern } of galleries) {
    const match = pattern.exec(resourceId);
    if (match) return { reference: { kind, id: resourceId }, name: match[1] ?? kind };
  }
  const long = marketplaceId.exec(resourceId)?.slice(3);
  const short = /^\/(?:subscriptions|SharedGalleries|CommunityGalleries)\//i.test(resourceId)
    ? undefined
    : marketplaceShort.exec(resourceId)?.slice(1);
  const [publisher, offer, sku, version = 'latest'] = long ?? short ?? [];
  if (publisher === undefined || offer === undefined || sku === undefined) return undefined;
  return { reference: { kind: 'marketplace', publisher, offer, sku, version }, name: `${offer}-${sku}` };
}

/** The same image at another version; `latest` is what a gallery id without a version means. */
export function atVersion(reference: ImageReference, version: string | undefined): ImageReference {
  if (version === undefined) return reference;
  if (reference.kind === 'marketplace') return { ...reference, version };
  const id = reference.id.replace(/\/versions\/[^/]+$/i, '');
  return { ...reference, id: version.toLowerCase() === 'latest' ? id : `${id}/versions/${version}` };
}

/** Publishers whose images are Windows without exception. */
const windowsPublishers = new Set(['microsoftwindowsserver', 'microsoftwindowsdesktop', 'microsoftvisualstudio']);

/**
 * The operating system of an image that is named by its id. The catalogue knows its own images; a publisher tells; an
 * image of a gallery that the catalogue does not list is taken for Linux, the only system that this version runs.
 */
export function operatingSystemOf(
  reference: ImageReference,
  catalogue: Readonly<Record<string, CatalogueImage>>,
): 'Linux' | 'Windows' {
  const identity = imageIdentity(reference);
  const known = Object.values(catalogue).find((image) => imageIdentity(image.reference) === identity);
  if (known) return known.operatingSystem;
  return reference.kind === 'marketplace' && windowsPublishers.has(reference.publisher.toLowerCase())
    ? 'Windows'
    : 'Linux';
}

/** What stays the same over an image's versions. */
function imageIdentity(reference: ImageReference): string {
  return reference.kind === 'marketplace'
    ? `${reference.publisher}/${reference.offer}/${reference.sku}`.toLowerCase()
    : reference.id.replace(/\/versions\/[^/]+$/i, '').toLowerCase();
}
