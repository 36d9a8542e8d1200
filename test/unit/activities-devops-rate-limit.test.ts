import { pauseAfter } from '../../activities/devops/rate-limit.ts';

const now = Date.UTC(2026, 0, 1);

test.each([
  ['nothing', {}, 0],
  ['Retry-After in seconds', { 'retry-after': '7' }, 7_000],
  ['Retry-After as a date', { 'retry-after': new Date(now + 9_000).toUTCString() }, 9_000],
  ['Retry-After in the past', { 'retry-after': new Date(now - 9_000).toUTCString() }, 0],
  ['an absurd Retry-After, cut to the window', { 'retry-after': '86400' }, 300_000],
  ['a Retry-After that is no time, ignored', { 'retry-after': 'soon' }, 0],
  ['a delayed answer', { 'x-ratelimit-delay': '2.5', 'x-ratelimit-remaining': '0' }, 2_500],
  ['an answer that was not delayed', { 'x-ratelimit-delay': '0', 'x-ratelimit-remaining': '12' }, 0],
  ['an empty budget', { 'x-ratelimit-remaining': '0' }, 30_000],
  [
    'an empty budget with its reset',
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now / 1_000 + 4) },
    4_000,
  ],
])('the pause after %s', (_, headers, pause) => {
  expect(pauseAfter(headers, now)).toBe(pause);
});
