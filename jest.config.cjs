// The package is "type": "module", so this file must be .cjs.
const shared = {
  testEnvironment: 'node',
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.odp/'],
  transform: {
    '^.+\\.[cm]?tsx?$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript', tsx: false } }, module: { type: 'commonjs' } },
    ],
  },
};

module.exports = {
  // Workflow tests wait for a real engine; the default of five seconds is too short on a loaded machine.
  testTimeout: 30_000,
  // The engine and its worker take a core each.
  maxWorkers: 2,
  // Temporal's native runtime keeps handles open after its shutdown (temporalio/sdk-typescript issue 928).
  forceExit: true,
  projects: [
    // The simulation and the replay of recorded histories run without an engine too.
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['unit', 'simulation', 'replay'].map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
    },
    {
      ...shared,
      displayName: 'engine',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/(unit|simulation|replay)/'],
      // Jest runs these only when a test of this project runs, so unit tests alone need no engine.
      globalSetup: '<rootDir>/test/support/start-engine.ts',
      globalTeardown: '<rootDir>/test/support/stop-engine.ts',
    },
  ],
};
