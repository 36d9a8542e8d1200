import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { planCapacity } from '../../domain/planning/plan-capacity.ts';
import type { PlanningInput } from '../../domain/planning/types.ts';

test('the example of docs/planning.md is what the function answers', () => {
  const page = readFileSync(join(__dirname, '../../docs/planning.md'), 'utf8');
  const [input, plan] = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, json]) => JSON.parse(json ?? '') as unknown);
  expect(planCapacity(input as PlanningInput)).toEqual(plan);
});
