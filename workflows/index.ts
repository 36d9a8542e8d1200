/** The workflow types of the system; the worker bundles this file. */
export { agent } from './agent.ts';
export { audit } from './audit.ts';
export { lease } from './lease.ts';
export { organization } from './organization.ts';
export { pool } from './pool.ts';
