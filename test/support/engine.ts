import { DefaultLogger, Runtime } from '@temporalio/worker';
import { variables } from './variables.ts';

// One native runtime per process; its default level fills the output of a run with every worker's start and stop.
Runtime.install({ logger: new DefaultLogger('WARN') });

/** The one real engine of this run. Its namespace has our search attributes. */
export function testEngine(): { address: string; namespace: string } {
  return { address: required(variables.address), namespace: required(variables.namespace) };
}

/** The workflow code of the working tree, bundled once per run. Give it to every worker as `workflowBundle`. */
export function workflowBundle(): { codePath: string } {
  return { codePath: required(variables.bundle) };
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: only tests outside test/unit get an engine`);
  return value;
}
