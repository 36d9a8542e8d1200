import { findIana } from 'windows-iana';
import { z } from 'zod';
import { int } from '../validation/bounded.ts';
import { timeSpanOfAWeek } from './primitives.ts';

const timeOfDay = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$/, 'It must be a time of day HH:mm:ss, such as 08:30:00.');

const resourcePredictions = z
  .strictObject({
    timeZone: z
      .string()
      .refine((name) => findIana(name).length > 0, {
        error: "It must be a Windows time-zone id, such as 'UTC' or 'W. Europe Standard Time'.",
        params: { rule: 'UnknownTimeZone' },
      })
      .exactOptional()
      .meta({ description: 'Windows time-zone id of the times.', default: 'UTC' }),
    daysData: z
      .array(z.record(timeOfDay, int(0, 10_000)))
      .refine((days) => days.length === 1 || days.length === 7, {
        error: 'It must have one item, for all week, or seven, Sunday first.',
        params: { rule: 'OutOfRange' },
      })
      .exactOptional()
      .describe(
        'One item for all week or seven, Sunday first; each maps times to counts of agents. A count holds until the next time.',
      ),
  })
  .exactOptional()
  .describe('The standby agents of the kind Manual.');

const resourcePredictionsProfile = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('Manual').describe('By resourcePredictions.') }),
    z.strictObject({
      kind: z.literal('Automatic').describe("By the pool's history."),
      predictionPreference: z
        .enum(['MostCostEffective', 'MoreCostEffective', 'Balanced', 'MorePerformance', 'BestPerformance'])
        .exactOptional()
        .meta({ description: 'Cost against waiting.', default: 'Balanced' }),
    }),
  ])
  .exactOptional()
  .describe('How standby agents are decided; absent: there are none.');

export const agentProfile = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('Stateless').describe('A fresh agent for every job.'),
    resourcePredictions,
    resourcePredictionsProfile,
  }),
  z.strictObject({
    kind: z.literal('Stateful').describe('One agent may run many jobs.'),
    maxAgentLifetime: timeSpanOfAWeek()
      .exactOptional()
      .meta({ description: 'Longest life of an agent, d.hh:mm:ss.', default: '7.00:00:00' }),
    gracePeriodTimeSpan: timeSpanOfAWeek()
      .exactOptional()
      .meta({ description: 'How long an agent waits for another job, d.hh:mm:ss.', default: '00:00:00' }),
    resourcePredictions,
    resourcePredictionsProfile,
  }),
]);
