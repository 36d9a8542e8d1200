import { missing, numberAt, objectAt, textAt } from '../body.ts';
import type { Json } from '../body.ts';
import { ArmError } from '../errors.ts';
import { findPlatformImage, resolveVersion } from '../images.ts';
import type { ResourceRecord } from '../records.ts';
import type { ArmState } from '../state.ts';

/** The image of a new machine. */
export interface ResolvedImage {
  operatingSystem: 'Linux' | 'Windows';
  diskSizeGb: number;
  /** As a GET shows it, with the version that `latest` meant. */
  reference: Json;
}

function galleryImageNotFound(id: string): ArmError {
  return new ArmError(404, {
    code: 'GalleryImageNotFound',
    message: `The gallery image ${id} is not available in the region or was not found. Please contact the image owner, or replicate the image to the region.`,
    target: 'imageReference',
  });
}

/** The newest version of a gallery image by its numbers. */
function newestVersion(state: ArmState, imageId: string): Readonly<ResourceRecord> | undefined {
  const prefix = `${imageId.toLowerCase()}/versions/`;
  const numbers = (record: Readonly<ResourceRecord>): number[] => record.name.split('.').map(Number);
  let newest: Readonly<ResourceRecord> | undefined;
  for (const record of state.resources.values()) {
    if (!record.id.toLowerCase().startsWith(prefix)) continue;
    if (newest === undefined) {
      newest = record;
      continue;
    }
    const [a, b] = [numbers(record), numbers(newest)];
    const difference = [0, 1, 2].map((index) => (a[index] ?? 0) - (b[index] ?? 0)).find((step) => step !== 0);
    if ((difference ?? 0) > 0) newest = record;
  }
  return newest;
}

function galleryImage(state: ArmState, id: string): ResolvedImage {
  if (!/\/providers\/microsoft\.compute\/galleries\//i.test(id)) {
    throw new ArmError(404, {
      code: 'ImageNotFound',
      message: `The Image '${id}' cannot be found.`,
      target: 'imageReference',
    });
  }
  const [imageId = '', version = 'latest'] = id.split(/\/versions\//i);
  const definition = state.resources.get(imageId);
  const found = version.toLowerCase() === 'latest' ? newestVersion(state, imageId) : state.resources.get(id);
  if (definition === undefined || found === undefined) throw galleryImageNotFound(id);
  const storage = objectAt(found.properties, 'storageProfile');
  return {
    operatingSystem: textAt(definition.properties, 'osType') === 'Windows' ? 'Windows' : 'Linux',
    diskSizeGb: numberAt(objectAt(storage, 'osDiskImage'), 'sizeInGB') ?? 30,
    reference: { id, exactVersion: found.name },
  };
}

/** Finds the image that a storage profile names. Throws 404 when there is none. */
export function resolveImage(state: ArmState, storage: Json, location: string): ResolvedImage {
  const reference = objectAt(storage, 'imageReference');
  if (reference === undefined) throw missing('imageReference');
  const shared = textAt(reference, 'communityGalleryImageId') ?? textAt(reference, 'sharedGalleryImageId');
  if (shared !== undefined) throw galleryImageNotFound(shared);
  const id = textAt(reference, 'id');
  if (id !== undefined) return galleryImage(state, id);
  const [publisher, offer, sku, version] = ['publisher', 'offer', 'sku', 'version'].map((name) => {
    const value = textAt(reference, name);
    if (value === undefined) throw missing(`imageReference.${name}`);
    return value;
  }) as [string, string, string, string];
  const image = findPlatformImage(publisher, offer, sku);
  const exactVersion = image === undefined ? undefined : resolveVersion(image, version);
  if (image === undefined || exactVersion === undefined) {
    throw new ArmError(404, {
      code: 'PlatformImageNotFound',
      message: `The platform image '${publisher}:${offer}:${sku}:${version}' is not available. Verify that all fields in the storage profile are correct. For more details about storage profile information, please refer to https://aka.ms/storageprofile. Location: ${location}.`,
      target: 'imageReference',
    });
  }
  return {
    operatingSystem: image.operatingSystem,
    diskSizeGb: image.diskSizeGb,
    reference: { publisher, offer, sku, version, exactVersion },
  };
}
