import { describe, expect, test } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, RetryState } from '@temporalio/common';
import { exitCode, printError, usageError } from '../../client/cli/errors.ts';
import { asOdpError, OdpError } from '../../client/sdk/index.ts';
import { testIo } from '../support/cli-io.ts';

const refusal = ApplicationFailure.create({
  type: 'InvalidPool',
  message: 'invalid',
  nonRetryable: true,
  details: [
    {
      error: {
        code: 'InvalidPool',
        message: "'linux' breaks 2 rules; nothing was changed.",
        target: 'linux',
        details: [
          { code: 'OutOfRange', target: 'properties.maximumConcurrency', message: 'It must be 1 to 10000.' },
          { code: 'Required', target: 'properties.fabricProfile', message: 'It is required.' },
        ],
      },
    },
  ],
});

describe('errors that crossed the engine', () => {
  test('keep ARM’s code, target and every violation, however deep they were wrapped', () => {
    const activity = new ActivityFailure('failed', 'resolvePool', '1', RetryState.NON_RETRYABLE_FAILURE, 'w', refusal);
    for (const error of [
      refusal,
      new WorkflowUpdateFailedError('failed', refusal),
      new WorkflowUpdateFailedError('failed', activity),
    ]) {
      const read = asOdpError(error);
      expect(read).toMatchObject({ code: 'InvalidPool', target: 'linux' });
      expect(read.details).toHaveLength(2);
      expect(read.details?.[0]).toEqual({
        code: 'OutOfRange',
        target: 'properties.maximumConcurrency',
        message: 'It must be 1 to 10000.',
      });
    }
  });

  test('keep the code and the hint of a failed call', () => {
    const details = {
      code: 'QuotaExceeded',
      class: 'quota',
      message: 'No cores left.',
      hint: 'Ask for more.',
      call: '',
    };
    const failure = ApplicationFailure.create({ type: 'QuotaExceeded', message: 'x', details: [details] });
    expect(asOdpError(failure)).toMatchObject({
      code: 'QuotaExceeded',
      message: 'No cores left.',
      hint: 'Ask for more.',
    });
  });

  test('are read without details too', () => {
    expect(asOdpError(ApplicationFailure.create({ type: 'Odd', message: 'odd' }))).toMatchObject({
      code: 'Odd',
      message: 'odd',
    });
    expect(asOdpError('only words')).toMatchObject({ code: 'Unexpected', message: 'only words' });
    expect(asOdpError(undefined)).toBeInstanceOf(OdpError);
  });
});

describe('printing an error', () => {
  test('says what was wrong, each violation with its path on a line, and nothing on standard output', () => {
    const io = testIo();
    printError(io, new WorkflowUpdateFailedError('failed', refusal));
    expect(io.output()).toBe('');
    expect(io.errors().split('\n')).toEqual([
      "error: 'linux' breaks 2 rules; nothing was changed.",
      '  properties.maximumConcurrency: It must be 1 to 10000.',
      '  properties.fabricProfile: It is required.',
      'hint: Correct the document and apply it again.',
    ]);
  });

  test('ends with the hint', () => {
    const io = testIo();
    printError(io, new OdpError('NotFound', 'There is no pool named x.', { hint: 'Look at the list.' }));
    expect(io.errors()).toBe('error: There is no pool named x.\nhint: Look at the list.');
  });

  test('takes the hint from the catalogue where nobody says better', () => {
    const io = testIo();
    printError(io, new OdpError('NotFound', 'There is no pool named x.'));
    expect(io.errors()).toMatch(/^error: There is no pool named x\.\nhint: Look at what exists with/);
  });

  test('leaves control characters out', () => {
    const io = testIo();
    printError(io, new OdpError('Odd', 'a\u001b[2Jb'));
    expect(io.errors()).toBe('error: ab');
  });
});

test.each([
  ['Usage', 2],
  ['NotFound', 3],
  ['AuthenticationFailed', 4],
  ['AuthorizationFailed', 4],
  ['Conflict', 5],
  ['Interrupted', 130],
  ['InvalidPool', 1],
  ['EngineUnreachable', 1],
])('%s ends the process with %d', (code, expected) => {
  expect(exitCode(new OdpError(code, 'x'))).toBe(expected);
  expect(exitCode(usageError('x'))).toBe(2);
});
