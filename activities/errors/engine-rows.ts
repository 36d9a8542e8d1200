import type { ServiceRow } from './row.ts';

/**
 * The refusals of the engine, by the names of their gRPC statuses (https://grpc.io/docs/guides/status-codes/). A
 * workflow that is not there is no failure to those who ask for it.
 */
export const engineRows: readonly ServiceRow[] = [
  { codes: ['RESOURCE_EXHAUSTED'], code: 'EngineBusy' },
  {
    codes: ['INVALID_ARGUMENT', 'NOT_FOUND', 'PERMISSION_DENIED', 'UNAUTHENTICATED', 'UNIMPLEMENTED'],
    code: 'EngineRefused',
  },
  { code: 'EngineUnavailable' },
];
