import { readFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { parse } from 'yaml';
import {
  installationLimits,
  parseInstallation,
  type Installation,
  type SecretReference,
} from '../../domain/installation.ts';
import { connect, OdpError, type ConnectOptions, type OpenDevOpsPools } from '../sdk/index.ts';

/** Where `odp up` writes the document of the embedded stack. */
export const embeddedInstallation = join('.odp', 'installation.json');

/** The file to read: the flag, else `$ODP_INSTALLATION`, else that of the embedded stack in the current folder. */
export function installationPath(flag: string | undefined, environment: NodeJS.ProcessEnv): string {
  return resolve(flag ?? (environment['ODP_INSTALLATION'] || embeddedInstallation));
}

/**
 * Reads an installation document, YAML or JSON.
 *
 * @throws OdpError `InstallationNotFound`, `InvalidInstallation` with every violation
 */
export async function readInstallation(path: string): Promise<Installation> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new OdpError('InstallationNotFound', `There is no installation document at ${path}.`, {
      hint: 'Start the embedded stack with `odp up`, or name the document with --installation.',
      cause: error,
    });
  }
  let input: unknown;
  try {
    // JSON is YAML.
    input = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OdpError('InvalidInstallation', `${path} is neither YAML nor JSON: ${reason}`, { cause: error });
  }
  const parsed = parseInstallation(input);
  if ('violations' in parsed) {
    throw new OdpError('InvalidInstallation', `The installation document ${path} is not valid.`, {
      details: parsed.violations.map(({ path: target, rule, message }) => ({ code: rule, message, target })),
    });
  }
  return parsed.installation;
}

/**
 * Reads the secret that a reference means. Only the reference ever shows in an error.
 *
 * @throws OdpError `SecretNotFound`
 */
export async function readSecret(reference: SecretReference, environment: NodeJS.ProcessEnv): Promise<string> {
  if ('environment' in reference) {
    const value = environment[reference.environment];
    if (value) return value;
    throw new OdpError('SecretNotFound', `The environment variable ${reference.environment} holds no secret.`, {
      hint: 'The installation document refers to it.',
    });
  }
  try {
    return (await readFile(reference.file, 'utf8')).trim();
  } catch (error) {
    throw new OdpError('SecretNotFound', `The secret file ${reference.file} cannot be read.`, {
      hint: 'The installation document refers to it.',
      cause: error,
    });
  }
}

/** Connects to the engine of an installation. */
export async function connectTo(
  { name, engine, ...rest }: Installation,
  environment: NodeJS.ProcessEnv,
): Promise<OpenDevOpsPools> {
  const options: ConnectOptions = {
    address: engine.address,
    namespace: engine.namespace,
    installation: name,
    limits: installationLimits(rest),
  };
  if (engine.apiKey) options.apiKey = await readSecret(engine.apiKey, environment);
  if (engine.tls) {
    const { serverName, caFile, certificateFile, keyFile } = engine.tls;
    const file = async (path: string) => await readFile(isAbsolute(path) ? path : resolve(path));
    options.tls = {
      ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
      ...(caFile === undefined ? {} : { serverRootCACertificate: await file(caFile) }),
      ...(certificateFile === undefined || keyFile === undefined
        ? {}
        : { clientCertPair: { crt: await file(certificateFile), key: await file(keyFile) } }),
    };
  }
  return await connect(options);
}
