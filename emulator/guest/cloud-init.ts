import { posix } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';

/** What cloud-init makes of a machine's custom data: files, and the commands that it runs last. */
export interface FirstBoot {
  /** Content by absolute path. */
  files: Map<string, Buffer>;
  /** Modes of those files that do not have cloud-init's own, 0644. */
  modes?: ReadonlyMap<string, number>;
  /** `runcmd`: a text is a shell script, a list the words of one command. */
  commands: (string | string[])[];
}

/** Encodings of `write_files`, by cloud-init's own names. */
const decoders: Record<string, (content: Buffer) => Buffer> = {
  'text/plain': (content) => content,
  b64: fromBase64,
  base64: fromBase64,
  gz: (content) => gunzipSync(content),
  gzip: (content) => gunzipSync(content),
  'gz+b64': (content) => gunzipSync(fromBase64(content)),
  'gz+base64': (content) => gunzipSync(fromBase64(content)),
  'gzip+b64': (content) => gunzipSync(fromBase64(content)),
  'gzip+base64': (content) => gunzipSync(fromBase64(content)),
};

function fromBase64(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1'), 'base64');
}

/** Reads `#cloud-config` custom data; throws where cloud-init would not apply it. */
export function readCloudConfig(customData: string): FirstBoot {
  if (!/^#cloud-config\s*$/m.test(customData.split('\n', 1)[0] ?? '')) {
    throw new Error('The custom data does not begin with #cloud-config: cloud-init ignores it.');
  }
  const config = objectOf(parse(customData));
  const files = new Map<string, Buffer>();
  const modes = new Map<string, number>();
  for (const item of listOf(config['write_files'])) {
    const file = objectOf(item);
    const { path, content, encoding, append } = file;
    if (typeof path !== 'string') throw new Error('An entry of write_files has no path.');
    const decode = decoders[typeof encoding === 'string' ? encoding.toLowerCase() : 'text/plain'];
    if (decode === undefined) throw new Error(`The file ${path} has the unknown encoding ${String(encoding)}.`);
    const decoded = decode(Buffer.from(typeof content === 'string' ? content : ''));
    const before = append === true ? (files.get(posix.normalize(path)) ?? Buffer.alloc(0)) : Buffer.alloc(0);
    files.set(posix.normalize(path), Buffer.concat([before, decoded]));
    if (typeof file['permissions'] === 'string') modes.set(posix.normalize(path), parseInt(file['permissions'], 8));
  }
  const commands = listOf(config['runcmd']).map((command) =>
    Array.isArray(command) ? command.map(String) : String(command),
  );
  return { files, modes, commands };
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
