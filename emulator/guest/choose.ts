import type { Guest } from '../core/context.ts';

/** Machines whose name fits `pattern` (`*` is any text) are in `chosen`, all others in `others`. */
export function chooseGuest(pattern: string, chosen: Guest, others: Guest): Guest {
  const text = pattern
    .split('*')
    .map((part) => part.replaceAll(/[^\w-]/g, String.raw`\$&`))
    .join('.*');
  const fits = new RegExp(`^${text}$`, 'i');
  const all = [chosen, others];
  return {
    boot: (machine) => (fits.test(machine.name) ? chosen : others).boot(machine),
    // Each knows its own machines, also those that the pattern of an earlier start chose.
    stop: (machineId) => all.forEach((guest) => guest.stop(machineId)),
    wipe: (machineId) => all.forEach((guest) => guest.wipe?.(machineId)),
    close: () => all.forEach((guest) => guest.close?.()),
  };
}
