/**
 * Prints an invented trace of CI jobs as CSV, for `odp job replay`. Without options it prints `samples/workload.csv`:
 *
 *     node scripts/generate-workload.ts > samples/workload.csv
 *
 * The same options always print the same jobs. A day of 2,000 jobs, each a few minutes long:
 *
 *     node scripts/generate-workload.ts --seed 7 --jobs 2000 --span 86400 --labels ubuntu,windows \
 *       --median 300 --minimum 10 --maximum 7200 --sigma 0.8 > day.csv
 */
import { parseArgs } from 'node:util';
import { generateWorkload, sampleOptions } from '../client/workload/generate.ts';
import { formatTrace } from '../client/workload/trace.ts';

const { median = 0, minimum = 0, maximum = 0, sigma = 0 } = sampleOptions.durations ?? {};

try {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(sampleOptions.seed) },
      jobs: { type: 'string', default: String(sampleOptions.jobs) },
      span: { type: 'string', default: String(sampleOptions.spanSeconds) },
      labels: { type: 'string', default: sampleOptions.labels.join(',') },
      median: { type: 'string', default: String(median) },
      minimum: { type: 'string', default: String(minimum) },
      maximum: { type: 'string', default: String(maximum) },
      sigma: { type: 'string', default: String(sigma) },
    },
  });
  const rows = generateWorkload({
    seed: values.seed,
    jobs: Number(values.jobs),
    spanSeconds: Number(values.span),
    labels: values.labels.split(','),
    durations: {
      median: Number(values.median),
      minimum: Number(values.minimum),
      maximum: Number(values.maximum),
      sigma: Number(values.sigma),
    },
  });
  process.stdout.write(formatTrace(rows));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
