import type { CloudContext, Handler } from '../core/context.ts';

/** What the embedded Azure DevOps is made with. */
export interface AzureDevOpsOptions {
  /** Name of the first organisation. */
  organization: string;
  /** Projects of that organisation; each has the pipeline `workload`. */
  projects: readonly string[];
  /** The one personal access token of the cloud: `Basic base64(:token)`. */
  personalAccessToken: string;
  /** Whether this `Authorization` header (`Bearer …`) carries a token of the cloud's Entra ID for Azure DevOps. */
  verifyBearer: (authorization: string) => boolean | Promise<boolean>;
  /** Most jobs that one organisation runs at once; default: no limit. */
  parallelism?: number;
  /** Refuses calls above this many in five minutes, per identity; default: no limit. */
  callsPerFiveMinutes?: number;
}

/** The embedded Azure DevOps. */
export interface AzureDevOps {
  handler: Handler;
  /** Makes an organisation, or adds projects to the one of that name. */
  addOrganization(name: string, projects: readonly string[]): void;
  /** Counts by state, over all organisations. */
  counts(): { registrations: Record<string, number>; jobs: Record<string, number> };
  /** Takes up what was under way when the cloud stopped: locks, sessions, queued jobs. Call once, after creation. */
  resume(): void;
  /** Cancels every timer and answers every waiting poll. */
  close(): void;
}

/** Makes the embedded Azure DevOps from what `context.store` holds. */
export function createAzureDevOps(_context: CloudContext, _options: AzureDevOpsOptions): AzureDevOps {
  return {
    handler: () => new Response(null, { status: 501 }),
    addOrganization: () => {},
    counts: () => ({ registrations: {}, jobs: {} }),
    resume: () => {},
    close: () => {},
  };
}
