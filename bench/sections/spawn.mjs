// What the page says about the stall of a spawn, and its bound.
const GOAL = 0.1;

export function sections({ rows, left }) {
  const [{ node: own }] = rows;
  const largest = rows.filter(({ node }) => node === own).at(-1);
  const ratio = largest.prefork.median / largest.childProcess.median;
  const gigabytes = (megabytes) => `${megabytes / 1024} GB`;
  const nodes = [...new Set(rows.map(({ node }) => node))];
  const sizes = [...new Set(rows.map(({ megabytes }) => megabytes))];
  const seriesOf = (node, who, label, mode) => ({
    mode,
    label,
    values: sizes.map((size) => rows.find((row) => row.node === node && row.megabytes === size)?.[who].median),
  });
  const major = (version) => version.split('.')[0];
  return [
    {
      title: 'Event-loop stall of a spawn',
      lead: `In a master of ${gigabytes(largest.megabytes)} the spawn of a worker stops the event loop for **${ratio.toPrecision(2)} ×** the time of \`child_process\`: ${largest.prefork.median.toFixed(2)} ms and ${largest.childProcess.median.toFixed(1)} ms (Node ${largest.node}). The goal is at most ${GOAL} ms at any size.`,
      tables: [
        {
          about: 'Milliseconds, median and longest:',
          columns: {
            Node: ({ node }) => node,
            libuv: ({ uv }) => uv,
            ballast: ({ megabytes }) => gigabytes(megabytes),
            'resident (MB)': ({ resident }) => resident,
            prefork: ({ prefork: { median, max } }) => `${median.toFixed(3)}, ${max.toFixed(3)}`,
            child_process: ({ childProcess: { median, max } }) => `${median.toFixed(3)}, ${max.toFixed(3)}`,
          },
          rows,
        },
      ],
      charts: [
        {
          name: 'spawn',
          title: 'How long one spawn stops the event loop, by the memory of the process',
          unit: 'ms',
          kind: 'bars',
          log: true,
          categories: sizes.map(gigabytes),
          series: nodes.flatMap((node, i) => [
            seriesOf(node, 'prefork', `prefork, Node ${major(node)}`, ['shared', 'sharded'][i]),
            seriesOf(node, 'childProcess', `child_process, Node ${major(node)}`, ['cluster', 'single'][i]),
          ]),
        },
      ],
      how: `How: a process fills so much memory and starts \`/bin/true\`, first by the native spawn of the package, then by \`child_process.spawn\`; only the
synchronous part of each call counts, because everybody else waits for it.${left.length === 0 ? '' : ` Left out: ${left.join('; ')}.`}`,
    },
  ];
}

export function bounds({ rows }) {
  return rows.map(({ node, megabytes, prefork: { median } }) => ({
    what: `event-loop stall of a spawn at ${megabytes / 1024} GB, Node ${node}, ms`,
    most: GOAL,
    value: median,
  }));
}
