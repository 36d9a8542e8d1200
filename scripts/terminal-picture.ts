import { readFileSync } from 'node:fs';

/**
 * Makes an SVG of what a terminal shows: `tmux capture-pane -p | node scripts/terminal-picture.ts TITLE > FILE.svg`.
 * The README's picture is made this way from a real run.
 */
const columnWidth = 7.83;
const lineHeight = 17;
const margin = 16;
const titleHeight = 34;

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const title = process.argv[2] ?? '';
const lines = readFileSync(0, 'utf8').trimEnd().split('\n');
const width = Math.ceil(Math.max(...lines.map((line) => line.length), 60) * columnWidth) + 2 * margin;
const height = lines.length * lineHeight + titleHeight + 2 * margin;

const rows = lines.map((line, index) => {
  const y = titleHeight + margin + (index + 0.75) * lineHeight;
  return `<text x="${margin}" y="${y.toFixed(1)}" xml:space="preserve">${escape(line)}</text>`;
});
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" role="img">
<title>${escape(title)}</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<circle cx="20" cy="17" r="6" fill="#ff5f56"/><circle cx="40" cy="17" r="6" fill="#ffbd2e"/><circle cx="60" cy="17" r="6" fill="#27c93f"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" fill="#c9d1d9">
<text x="80" y="21" fill="#8b949e">${escape(title)}</text>
${rows.join('\n')}
</g>
</svg>
`);
