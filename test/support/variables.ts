/** Environment variables in which `start-engine.ts` leaves the run's engine for the tests. */
export const variables = {
  /** Folder of the run; made by `scripts/test.ts`, or by the set-up when jest is run by itself. */
  folder: 'TEMPORAL_TEST_FOLDER',
  address: 'TEMPORAL_TEST_ADDRESS',
  namespace: 'TEMPORAL_TEST_NAMESPACE',
  bundle: 'TEMPORAL_TEST_BUNDLE',
  timeSkippingServer: 'TEMPORAL_TEST_SERVER',
  timeSkippingReason: 'TEMPORAL_TEST_SERVER_REASON',
} as const;
