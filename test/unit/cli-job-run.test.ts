import { outputOf } from '../../client/cli/commands/job-run.ts';

const at = '2026-11-25T10:00:00.000Z';

test('the output of a step is what its command wrote, without the times and what the agent says around it', () => {
  const lines = [
    `${at} ##[section]Starting: CmdLine`,
    `${at} Generating script.`,
    `${at} ========================== Starting Command Output ===========================`,
    `${at} one`,
    `${at} `,
    `${at}   indented, at 2026-11-25T10:00:00.000Z `,
    `${at} ##[error]Bash exited with code '2'.`,
    `${at} ##[section]Finishing: CmdLine`,
  ];
  expect(outputOf(lines)).toEqual([
    { index: 3, text: 'one', stream: 'out' },
    { index: 4, text: '', stream: 'out' },
    { index: 5, text: '  indented, at 2026-11-25T10:00:00.000Z ', stream: 'out' },
    { index: 6, text: "Bash exited with code '2'.", stream: 'err' },
  ]);
});

test('a step that never began tells its errors only', () => {
  expect(outputOf([`${at} ##[section]Starting: CmdLine`, `${at} ##[error]No bash.`])).toEqual([
    { index: 1, text: 'No bash.', stream: 'err' },
  ]);
});
