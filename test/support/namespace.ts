import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { searchAttributeNames } from '../../domain/names.ts';
import { testEngine } from './engine.ts';
import { eventually } from './eventually.ts';

/** The engine's number for the search attribute type Keyword (`temporal.api.enums.v1.IndexedValueType`). */
const keyword = 2;

/** A namespace of its own on the run's one engine: task queues and workflow ids of two tests can never meet. */
export interface TestNamespace {
  address: string;
  namespace: string;
  connection: Connection;
  nativeConnection: NativeConnection;
  client: Client;
  close(): Promise<void>;
}

/** Makes a namespace with our search attributes and waits until it takes workflows. */
export async function createNamespace(): Promise<TestNamespace> {
  const { address } = testEngine();
  const namespace = `test-${randomUUID()}`;
  const connection = await Connection.connect({ address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 7 * 86_400 } as never,
  });
  await addSearchAttributes(connection, namespace);
  const nativeConnection = await NativeConnection.connect({ address });
  return {
    address,
    namespace,
    connection,
    nativeConnection,
    client: new Client({ connection, namespace }),
    async close() {
      await nativeConnection.close();
      await connection.close();
    },
  };
}

/** Makes our search attributes known; a workflow that sets an unknown one would fail its task for ever. */
export async function addSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const searchAttributes = Object.fromEntries(searchAttributeNames.map((name) => [name, keyword]));
  await eventually(() => connection.operatorService.addSearchAttributes({ namespace, searchAttributes }));
}
