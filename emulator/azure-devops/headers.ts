/** Tells the ARM id of the emulated machine that calls; only the agents of the embedded cloud send it. */
export const machineHeader = 'x-emulated-machine';
