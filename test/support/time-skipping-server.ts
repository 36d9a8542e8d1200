import { chmod, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, withLock } from '../../client/engine/cache.mjs';
import { runCommand } from '../../client/engine/command.ts';
import { onSearchPath } from '../../client/engine/executable.ts';
import { downloadWithSdk } from '../../client/engine/obtain.ts';

/** The Java test server; newer than the one that the SDK downloads. */
const serverVersion = '1.38.0';
const pluginVersion = '3.8.1';

type Resolved = { path: string } | { reason: string };
type Log = (line: string) => void;

/**
 * Finds the time-skipping test server or fetches it once into the user's cache folder: class path in
 * `TEMPORAL_TEST_SERVER_CP`, cache, Maven, the SDK's download.
 *
 * @param folder of the run; takes the script that starts the server
 */
export async function resolveTimeSkippingServer(
  folder: string,
  environment: NodeJS.ProcessEnv,
  log: Log,
): Promise<Resolved> {
  const byJava = await withJava(folder, environment, log);
  if ('path' in byJava) return byJava;
  const downloaded = await bySdk(environment, log);
  if ('path' in downloaded) return downloaded;
  return { reason: `${byJava.reason}; SDK download: ${downloaded.reason}` };
}

async function withJava(folder: string, environment: NodeJS.ProcessEnv, log: Log): Promise<Resolved> {
  if (process.platform === 'win32') return { reason: 'the start script needs a POSIX shell' };
  const [java] = await onSearchPath('java', environment);
  if (!java) return { reason: 'no java on PATH' };
  const classPath = environment.TEMPORAL_TEST_SERVER_CP || (await byMaven(environment, log));
  if (typeof classPath !== 'string') return classPath;
  const path = join(folder, 'temporal-test-server');
  // The SDK starts an executable with one argument, the port. A serial collector and the first compiler tier alone
  // halve the start.
  const script = `#!/bin/sh
exec ${quoted(java)} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto -cp ${quoted(classPath)} io.temporal.testserver.TestServer "$@"
`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  return { path };
}

/** The class path of the jars that Maven copied into the cache. */
async function byMaven(environment: NodeJS.ProcessEnv, log: Log): Promise<string | { reason: string }> {
  const home = join(cacheFolder(environment), 'time-skipping');
  const jars = join(home, `jars-${serverVersion}`);
  const classPath = join(jars, '*');
  if (await exists(jars)) return classPath;
  const [maven] = await onSearchPath('mvn', environment);
  if (!maven) return { reason: 'no mvn on PATH to fetch the Java test server' };
  return withLock(join(home, 'lock'), log, async () => {
    if (await exists(jars)) return classPath;
    log(`fetching the time-skipping test server ${serverVersion} with Maven (about 40 MB) …`);
    const work = join(home, `work-${process.pid}`);
    await mkdir(work, { recursive: true });
    await writeFile(join(work, 'pom.xml'), pom);
    const { succeeded, failure } = await runCommand(
      maven,
      [
        '--quiet',
        '--batch-mode',
        `--file=${join(work, 'pom.xml')}`,
        `org.apache.maven.plugins:maven-dependency-plugin:${pluginVersion}:copy-dependencies`,
        `-DoutputDirectory=${join(work, 'jars')}`,
      ],
      { environment, limitMs: 10 * 60_000, progress: (seconds) => log(`  … still fetching (${seconds} s)`) },
    );
    if (succeeded) await rename(join(work, 'jars'), jars);
    await rm(work, { recursive: true, force: true });
    return succeeded ? classPath : { reason: `Maven: ${failure}` };
  });
}

async function bySdk(environment: NodeJS.ProcessEnv, log: Log): Promise<Resolved> {
  const home = join(cacheFolder(environment), 'time-skipping');
  const path = join(home, 'temporal-test-server');
  if (await exists(path)) return { path };
  return withLock(join(home, 'lock'), log, async () => {
    const work = join(home, `work-${process.pid}`);
    await mkdir(work, { recursive: true });
    const file = await downloadWithSdk('time-skipping', work, environment, log);
    if ('path' in file) await rename(file.path, path);
    await rm(work, { recursive: true, force: true });
    return 'path' in file ? { path } : { reason: file.failure };
  });
}

const pom = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId>
  <artifactId>time-skipping</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${serverVersion}</version>
    </dependency>
  </dependencies>
</project>
`;

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
