import type { CatalogueImage } from '../image-catalogue.ts';
import type { ImageSpecification } from '../pool-specification.ts';
import { propertyPath } from '../validation/path.ts';
import { didYouMean } from '../validation/spelling.ts';
import type { Violation } from '../violation.ts';
import { atVersion, operatingSystemOf, referenceOfResourceId, resourceIdForms } from './image-reference.ts';
import { imagesPath } from './rules.ts';
import type { PoolDocument } from './schema.ts';

type DocumentImage = PoolDocument['properties']['fabricProfile']['images'][number];
type Catalogue = Readonly<Record<string, CatalogueImage>>;

/** An image with its source found, before it has a name of its own. */
type FoundImage = Pick<ImageSpecification, 'reference' | 'operatingSystem'> & { predefinedName: string };

/** The images of a document as the workflows run them; `undefined` stands for one whose source is not known. */
export function resolveImages(
  images: readonly DocumentImage[],
  catalogue: Catalogue,
): { images: (ImageSpecification | undefined)[]; violations: Violation[] } {
  const violations: Violation[] = [];
  const taken = new Set(images.flatMap(({ aliases = [] }) => aliases.map((alias) => alias.toLowerCase())));
  const resolved = images.map((image, index) => {
    const found = findImage(image, index, catalogue);
    if ('path' in found) {
      violations.push(found);
      return undefined;
    }
    const { reference, operatingSystem, predefinedName } = found;
    return { ...named(image, predefinedName, taken), reference, operatingSystem, buffer: bufferOf(image) };
  });
  return { images: resolved, violations };
}

function findImage(image: DocumentImage, index: number, catalogue: Catalogue): FoundImage | Violation {
  return image.wellKnownImageName === undefined
    ? findByResourceId(image.resourceId ?? '', index, catalogue)
    : findByName(image.wellKnownImageName, index, catalogue);
}

function findByName(wellKnownImageName: string, index: number, catalogue: Catalogue): FoundImage | Violation {
  const [name = '', version] = wellKnownImageName.split('/');
  const key = Object.keys(catalogue).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  const image = key === undefined ? undefined : catalogue[key];
  if (key !== undefined && image !== undefined) {
    const { operatingSystem } = image;
    return { reference: atVersion(image.reference, version), operatingSystem, predefinedName: key };
  }
  const names = Object.keys(catalogue);
  const near = didYouMean(name, names);
  const hint = near === undefined ? `Known: ${names.toSorted().join(', ')}.` : `Did you mean '${near}'?`;
  return {
    path: propertyPath([...imagesPath, index, 'wellKnownImageName']),
    rule: 'UnknownImage',
    message: `This installation knows no image of this name. ${hint}`,
    value: wellKnownImageName,
  };
}

function findByResourceId(resourceId: string, index: number, catalogue: Catalogue): FoundImage | Violation {
  const found = referenceOfResourceId(resourceId);
  if (found) {
    const operatingSystem = operatingSystemOf(found.reference, catalogue);
    return { reference: found.reference, operatingSystem, predefinedName: found.name };
  }
  return {
    path: propertyPath([...imagesPath, index, 'resourceId']),
    rule: 'UnknownImage',
    message: `It has none of the forms of an image's id: ${resourceIdForms}.`,
    value: resourceId.slice(0, 200),
  };
}

/**
 * An image's name and every value of `ImageOverride` that means it: its aliases, and the predefined name, which a
 * catalogue image always has. An image that is given by its id and has no alias is called after that id.
 */
function named(
  { aliases = [], wellKnownImageName }: DocumentImage,
  predefinedName: string,
  taken: Set<string>,
): Pick<ImageSpecification, 'name' | 'aliases'> {
  if (wellKnownImageName !== undefined) {
    const repeated = aliases.some((alias) => alias.toLowerCase() === predefinedName.toLowerCase());
    const all = repeated ? [...aliases] : [...aliases, predefinedName];
    return { name: all[0] ?? predefinedName, aliases: all };
  }
  const [first] = aliases;
  if (first !== undefined) return { name: first, aliases: [...aliases] };
  let name = predefinedName;
  for (let counter = 2; taken.has(name.toLowerCase()); counter++) name = `${predefinedName}-${counter}`;
  taken.add(name.toLowerCase());
  return { name, aliases: [name] };
}

function bufferOf({ buffer = '*' }: DocumentImage): number | '*' {
  return buffer === '*' ? '*' : Number(buffer);
}
