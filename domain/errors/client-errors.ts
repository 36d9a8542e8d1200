/** One error of the SDK or the command line, which reach no engine and are tried again by nobody. */
export interface ClientError {
  when: string;
  /** Said where the place that raises it has nothing better. */
  hint: string;
}

/** What the SDK and the command line find before, beside or instead of an answer of a workflow. */
export const clientErrors = {
  NotFound: {
    when: 'There is no pool, agent, job request, project or pipeline of that name.',
    hint: 'Look at what exists with `odp pool list`, `odp agent list` and `odp job list`.',
  },
  Ambiguous: {
    when: 'More than one organisation has a job request of that number.',
    hint: 'Name the organisation too.',
  },
  EngineUnreachable: {
    when: 'The engine did not answer.',
    hint: 'Start it with `odp up`, or correct engine.address in the installation document.',
  },
  NoWorker: {
    when: 'The engine answered, and no worker did in time.',
    hint: 'Start a worker (`odp up` starts one), or look whether its log shows why it stopped.',
  },
  WorkflowTaskFailed: {
    when: 'The worker fails on a workflow, so that it cannot answer.',
    hint: "The worker's log shows why. A worker whose code does not fit the workflow's history is the usual cause.",
  },
  AuthenticationFailed: {
    when: 'The engine or Azure DevOps does not accept the credential of the one who calls.',
    hint: 'Check the credential in the installation document.',
  },
  AuthorizationFailed: {
    when: 'The one who calls is known and may not do this.',
    hint: 'Ask for the role, or use an identity that has it.',
  },
  Conflict: {
    when: 'What exists does not fit what was asked for.',
    hint: 'Look at what exists, then ask again.',
  },
  AzureDevOpsUnreachable: {
    when: 'The command line could not reach Azure DevOps.',
    hint: 'Look at the URL of the organisation and at the way to it.',
  },
  AzureDevOps: {
    when: 'Azure DevOps refused a call of the command line for another reason.',
    hint: 'Change what the message names.',
  },
  Usage: {
    when: 'What was typed cannot be done.',
    hint: '`--help` shows what a command takes.',
  },
  Interrupted: {
    when: 'Ctrl-C ended a command before its work was done. Nothing is printed.',
    hint: 'Run the command again.',
  },
  InstallationNotFound: {
    when: 'There is no installation document.',
    hint: 'Start the embedded stack with `odp up`, or name the document with --installation.',
  },
  InvalidInstallation: {
    when: 'The installation document is wrong; the details name every violation.',
    hint: 'Correct the document.',
  },
  InvalidTrace: {
    when: 'A trace of jobs is wrong; the details name every violation.',
    hint: 'Correct the file.',
  },
  ReplayIncomplete: {
    when: 'Some jobs of a trace could not be queued.',
    hint: 'The lines above name them and why.',
  },
  JobFailed: {
    when: 'The job of `odp job run` ended with another result than success.',
    hint: 'What it printed stands above.',
  },
  Unhealthy: {
    when: '`odp doctor` found something wrong; it printed what.',
    hint: '`docs/operations.md` tells what to do about each check.',
  },
  PortTaken: {
    when: 'A port that `odp up` needs is taken.',
    hint: 'Stop what uses it, or choose other ports.',
  },
  NotStarted: {
    when: 'A process that `odp up` starts was not ready in time.',
    hint: 'Its log says why.',
  },
  MachinesLeftOver: {
    when: '`odp up --exit-when-done` ended with machines that belong to no agent.',
    hint: 'Look at the ledger of the embedded cloud.',
  },
} as const satisfies Record<string, ClientError>;

/** A code of the SDK or the command line. */
export type ClientErrorCode = keyof typeof clientErrors;
