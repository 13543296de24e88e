// The picture of docs/sharing.md as SVG: left who answers, right how long answers take while a worker is blocked. No dependency, and
// readable on light and dark pages: the page that shows it decides by prefers-color-scheme.

const WIDTH = 900;
const HEIGHT = 380;
const STYLE = `
    svg { color-scheme: light dark; }
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; font-size: 14px; }
    .small { font-size: 11px; fill: #59636e; }
    .grid { stroke: #d1d9e0; stroke-width: 1; }
    .axis { stroke: #59636e; stroke-width: 1; }
    .even { stroke: #59636e; stroke-width: 1; stroke-dasharray: 3 3; }
    .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
    .line.shared { stroke: #0550ae; } .bar.shared { fill: #0550ae; }
    .line.sharded { stroke: #1a7f37; stroke-dasharray: 7 3; } .bar.sharded { fill: #1a7f37; }
    .line.reuseport { stroke: #bc4c00; stroke-dasharray: 2 3; } .bar.reuseport { fill: #bc4c00; }
    .inside { font-size: 10px; fill: #ffffff; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .small { fill: #9198a1; }
      .inside { fill: #0d1117; }
      .grid { stroke: #3d444d; }
      .axis, .even { stroke: #9198a1; }
      .line.shared { stroke: #6cb6ff; } .bar.shared { fill: #6cb6ff; }
      .line.sharded { stroke: #56d364; } .bar.sharded { fill: #56d364; }
      .line.reuseport { stroke: #f0883e; } .bar.reuseport { fill: #f0883e; }
    }`;

/**
 * @param spreads `{ name, counts }` for each way of sharing: connections by worker.
 * @param delays `{ name, milliseconds }`: one number for each connection.
 */
export function draw({ spreads, delays, connections, burst, blocked, workers }) {
  const title = `How ${spreads.map(({ name }) => name).join(', ')} spread connections, and what a blocked worker does to them`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
  <title>${title}</title>
  <style>${STYLE}
  </style>
${bars(spreads, connections, { left: 44, top: 64, width: 350, height: 250 })}
${curves(delays, { burst, blocked, workers }, { left: 484, top: 64, width: 396, height: 250 })}
</svg>
`;
}

function bars(spreads, connections, { left, top, width, height }) {
  const most = Math.max(...spreads.flatMap(({ counts }) => counts));
  const step = most > 200 ? 100 : 50;
  const limit = Math.ceil(most / step) * step;
  const y = (count) => round(top + height - (count / limit) * height);
  const group = width / spreads.length;
  const workers = spreads[0].counts.length;
  const bar = (group * 0.8) / workers;
  const even = connections / workers;
  const parts = [label(left - 36, 24, `Who answers: ${connections} connections, one after another`, 'title')];
  parts.push(label(left - 36, 44, `connections of each of the ${workers} workers; dashed: an even share`, 'small'));
  for (let count = 0; count <= limit; count += step) {
    parts.push(line(left, y(count), left + width, y(count), count === 0 ? 'axis' : 'grid'));
    parts.push(label(left - 6, y(count) + 4, count, 'small', 'end'));
  }
  for (const [i, { name, counts }] of spreads.entries()) {
    const from = left + i * group + group * 0.1;
    for (const [worker, count] of counts.entries()) {
      const x = round(from + worker * bar);
      parts.push(
        `  <rect class="bar ${name}" x="${x}" y="${y(count)}" width="${round(bar - 3)}" height="${round(top + height - y(count))}"/>`,
      );
      // At the foot, where nothing crosses it; above a bar that is too low to hold it.
      const [at, style] = top + height - y(count) > 20 ? [top + height - 7, 'inside'] : [y(count) - 5, 'small'];
      parts.push(label(round(x + (bar - 3) / 2), at, count, style, 'middle'));
    }
    parts.push(label(round(from + group * 0.4), top + height + 20, name, '', 'middle'));
  }
  parts.push(line(left, y(even), left + width, y(even), 'even'));
  return parts.join('\n');
}

function curves(delays, { burst, blocked, workers }, { left, top, width, height }) {
  const ticks = [1, 3, 10, 30, 100, 300, 1_000, 3_000];
  // Logarithmic; what is faster than the first tick is drawn on it.
  const end = Math.log(blocked * 1.4);
  const x = (ms) => round(left + (Math.min(Math.log(Math.max(1, ms)), end) / end) * width);
  const y = (share) => round(top + height - share * height);
  const parts = [label(left - 44, 24, `One of ${workers} workers is blocked for ${blocked / 1_000} s`, 'title')];
  parts.push(label(left - 44, 44, `share of ${burst} connections at once that were answered within …`, 'small'));
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    parts.push(line(left, y(share), left + width, y(share), share === 0 ? 'axis' : 'grid'));
    parts.push(label(left - 6, y(share) + 4, `${share * 100} %`, 'small', 'end'));
  }
  for (const ms of ticks) {
    parts.push(line(x(ms), top + height, x(ms), top + height + 4, 'axis'));
    parts.push(label(x(ms), top + height + 18, ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`, 'small', 'middle'));
  }
  for (const [i, { name, milliseconds }] of delays.entries()) {
    const sorted = milliseconds.toSorted((a, b) => a - b);
    const points = Array.from({ length: 201 }, (_, step) => {
      const index = Math.max(0, Math.ceil((step / 200) * sorted.length) - 1);
      return `${x(sorted[index])},${y(step / 200)}`;
    });
    parts.push(`  <polyline class="line ${name}" points="${points.join(' ')}"/>`);
    const at = left + i * 132;
    parts.push(`  <line class="line ${name}" x1="${at}" y1="352" x2="${at + 34}" y2="352"/>`);
    parts.push(label(at + 42, 356, name, ''));
  }
  return parts.join('\n');
}

function label(x, y, text, style, anchor = 'start') {
  return `  <text${style === '' ? '' : ` class="${style}"`} x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;
}

function line(x1, y1, x2, y2, style) {
  return `  <line class="${style}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
}

function round(number) {
  return Math.round(number * 10) / 10;
}
