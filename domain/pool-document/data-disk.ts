import type { ImageSpecification, MachineSpecification } from '../pool-specification.ts';
import { propertyPath } from '../validation/path.ts';
import type { Rule, Violation } from '../violation.ts';
import type { PoolDocument } from './schema.ts';

const path = ['properties', 'fabricProfile', 'storageProfile', 'dataDisks', 0] as const;

/** The pool's data disk, with the product's defaults. */
export function dataDiskOf({ properties }: PoolDocument): Pick<MachineSpecification, 'dataDisk'> {
  const disk = properties.fabricProfile.storageProfile?.dataDisks?.[0];
  if (disk?.diskSizeGiB === undefined) return {};
  return {
    dataDisk: {
      lun: 0,
      sizeGib: disk.diskSizeGiB,
      caching: disk.caching ?? 'ReadOnly',
      storageAccountType: disk.storageAccountType ?? 'Standard_LRS',
      ...(disk.driveLetter === undefined ? {} : { driveLetter: disk.driveLetter }),
    },
  };
}

/** No default of the size is documented, and a letter means nothing on Linux. */
export function dataDiskViolations(
  { properties }: PoolDocument,
  images: readonly (ImageSpecification | undefined)[],
): Violation[] {
  const disk = properties.fabricProfile.storageProfile?.dataDisks?.[0];
  if (disk === undefined) return [];
  const violation = (name: string, rule: Rule, message: string): Violation => ({
    path: propertyPath([...path, name]),
    rule,
    message,
  });
  const allLinux = images.every((image) => image?.operatingSystem === 'Linux');
  return [
    ...(disk.diskSizeGiB === undefined
      ? [violation('diskSizeGiB', 'Required', 'It is required: the size of the disk in GiB, a whole number.')]
      : []),
    ...(disk.driveLetter !== undefined && allLinux
      ? [
          violation(
            'driveLetter',
            'NotAllowedValue',
            'All images run Linux, where a drive letter has no effect. Remove it.',
          ),
        ]
      : []),
  ];
}
