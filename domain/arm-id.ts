/** The forms of the ARM ids that documents name. ARM compares ids without regard to case. */

/** A subnet. */
export const subnetIdPattern =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Network\/virtualNetworks\/[^/]+\/subnets\/[^/]+$/i;
