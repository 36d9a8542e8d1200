import { existsSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { searchAttributeNames } from '../../domain/names.ts';

interface Service {
  image: string;
  restart?: string;
  environment?: Record<string, string>;
  healthcheck?: unknown;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
}

const text = readFileSync('docker-compose.yml', 'utf8');
const file = parse(text, { merge: true }) as {
  services: Record<string, Service>;
  secrets: Record<string, { file?: string }>;
};
const services = Object.entries(file.services);
const isOneShot = (service: Service) => service.restart?.startsWith('on-failure') === true;

describe('docker-compose.yml', () => {
  test('is valid by the schema of the Compose specification', () => {
    const schema = JSON.parse(readFileSync('test/support/compose-spec.json', 'utf8')) as Record<string, unknown>;
    // Its $schema says https; the meta-schema's name is http. Draft 07 is what Ajv takes without one.
    delete schema['$schema'];
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    expect(validate(file) ? [] : validate.errors).toEqual([]);
    expect(validate({ services: { worker: { image: 1 } } })).toBe(false);
  });

  test.each(services)('%s runs an image of a fixed version', (_, { image }) => {
    expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?$/);
  });

  test.each(services)('%s publishes ports on the loopback interface alone', (_, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test.each(services)('%s takes no secret from the file or the environment', (_, { environment = {} }) => {
    const secret = Object.keys(environment).filter((name) => /PASSWORD|PWD|SECRET|TOKEN|KEY/.test(name));
    expect(secret.filter((name) => !name.endsWith('_FILE'))).toEqual([]);
  });

  test('every secret is a file that git and the image do not take', () => {
    const ignored = ['.gitignore', '.dockerignore'].map((name) => readFileSync(name, 'utf8').split('\n'));
    for (const { file: path } of Object.values(file.secrets)) expect(path).toMatch(/^\.\/secrets\//);
    expect(ignored[0]).toContain('/secrets/');
    expect(ignored[1]).toContain('secrets');
  });

  test('every folder of this project that a service mounts exists', () => {
    const mounted = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0] ?? ''));
    const ours = mounted.filter((path) => path.startsWith('./') && !path.startsWith('./secrets/'));
    expect(ours.length).toBeGreaterThan(0);
    expect(ours.filter((path) => !existsSync(path))).toEqual([]);
  });

  test('every service that others wait for can tell that it is ready', () => {
    for (const [, { depends_on: needs = {} }] of services) {
      for (const [name, { condition }] of Object.entries(needs)) {
        const needed = file.services[name] as Service;
        expect([name, condition]).toEqual([
          name,
          isOneShot(needed) ? 'service_completed_successfully' : 'service_healthy',
        ]);
        if (!isOneShot(needed)) expect(needed.healthcheck).toBeDefined();
      }
    }
  });

  test('the namespace gets the search attributes that the workflows set', () => {
    const { SEARCH_ATTRIBUTES: names = '' } = file.services['temporal-namespace']?.environment ?? {};
    expect(names.split(' ').sort()).toEqual([...searchAttributeNames].sort());
  });

  test('the parts of the engine have one version', () => {
    const versions = services.map(([, { image }]) => /^temporalio\/(?:server|admin-tools):(.+)$/.exec(image)?.[1]);
    expect(new Set(versions.filter((version) => version !== undefined)).size).toBe(1);
  });
});

describe('deploy/Dockerfile', () => {
  const lines = readFileSync('deploy/Dockerfile', 'utf8').replaceAll('\\\n', ' ').split('\n');
  const npm = lines.map((line) => /^RUN (npm .*)$/.exec(line)?.[1]).filter((step) => step !== undefined);

  test('installs and builds with the commands that CI runs', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const checks = readFileSync('scripts/check.ts', 'utf8');
    const installs = readFileSync('scripts/lib/dependencies.mjs', 'utf8');
    expect(npm).toEqual(['npm ci --ignore-scripts', 'npm run build', 'npm ci --ignore-scripts --omit=dev']);
    expect(installs).toContain("['ci', '--ignore-scripts'");
    expect(checks).toContain("'build'");
    expect(scripts['build']).toBe('tsc -p tsconfig.build.json && node scripts/copy-scripts.mjs');
    expect(readFileSync('.ci/run', 'utf8')).toMatch(/^npm run --silent check\b/m);
  });

  test('starts what CI starts after the build', () => {
    const command = /^CMD (\[.*\])$/m.exec(lines.join('\n'))?.[1] ?? '[]';
    const [node, script] = JSON.parse(command) as string[];
    expect(node).toBe('node');
    expect(readFileSync('scripts/check.ts', 'utf8')).toContain(`'${script}'`);
  });

  test('runs the Node that the bootstrap fetches, as a user without rights', () => {
    const bases = lines.map((line) => /^FROM node:(\S+)-bookworm-slim/.exec(line)?.[1]).filter(Boolean);
    expect(new Set(bases)).toEqual(new Set(['24.21.0']));
    expect(readFileSync('scripts/lib/node.mjs', 'utf8')).toContain("version: '24.21.0'");
    expect(lines).toContain('USER node');
  });
});
