// What the page says about start, reload and memory of a fleet.
import { labelOf } from '../lib/modes.mjs';

const seconds = (ms) => (ms === undefined ? '–' : (ms / 1_000).toFixed(2));
const mega = (kilobytes) => (kilobytes / 1024).toFixed(1);
const count = (workers) => (workers === 1 ? '1 worker' : `${workers} workers`);

export function sections({ bare, modes, reloaded, bold }) {
  const names = Object.keys(modes);
  const sizes = modes.shared.map(({ workers }) => workers);
  const at = (mode, workers) => modes[mode].find((each) => each.workers === workers);
  const { shared, cluster } = { shared: at('shared', reloaded), cluster: at('cluster', reloaded) };
  const chart = (name, title, unit, of, some = sizes.filter((size) => size !== 8 || sizes.length < 4)) => ({
    name,
    title,
    unit,
    kind: 'lines',
    categories: some.map(count),
    series: names.map((mode) => ({ mode, label: labelOf(mode), values: some.map((size) => of(at(mode, size))) })),
  });
  const memoryOf = (who, kind) => (mode) => mega(at(mode, reloaded)[who][kind]);
  return [
    {
      title: 'Start and reload of a fleet',
      lead: `prefork \`'shared'\` has ${reloaded} workers ready in **${(shared.readyIn / cluster.readyIn).toFixed(2)} ×** the time of node:cluster, and replaces them in ${(shared.reload / cluster.reload).toFixed(2)} × (with \`readyFor: 0\` ${(bold / cluster.reload).toFixed(2)} ×).`,
      tables: [
        {
          about: `Seconds from the start of the program until all workers are ready (one process serves after ${seconds(bare.readyIn)}), and for the reload of ${reloaded} workers:`,
          columns: {
            server: (mode) => labelOf(mode),
            ...Object.fromEntries(sizes.map((size) => [count(size), (mode) => seconds(at(mode, size).readyIn)])),
            reload: (mode) => seconds(at(mode, reloaded).reload),
          },
          rows: names,
        },
      ],
      charts: [
        chart(
          'start',
          'From the start of the program until all workers are ready',
          's',
          ({ readyIn }) => readyIn / 1_000,
        ),
      ],
      how: `How: the mean of 2 starts; with more than 8 workers, one. PM2 is ready when each worker has answered; its commands are programs of their
own, which start first. A reload is rolling, one worker at a time, by each server's defaults; prefork watches for a second whether the first new
worker stays, which \`readyFor: 0\` (${seconds(bold)} s) does without. The reload of node:cluster forks, waits for 'listening', and disconnects; that a
worker has finished is not waited for.`,
    },
    {
      title: 'Memory',
      lead: `The master of prefork \`'shared'\` with ${reloaded} workers takes **${(shared.master.rss / cluster.master.rss).toFixed(2)} ×** the resident memory of node:cluster's primary, and ${(shared.master.rss / bare.memory.rss).toFixed(2)} × that of one process.`,
      tables: [
        {
          about: `MB, idle, ${reloaded} workers (one process: ${mega(bare.memory.rss)} resident, ${mega(bare.memory.pss)} proportional):`,
          columns: {
            server: (mode) => labelOf(mode),
            'master, resident': memoryOf('master', 'rss'),
            'master, proportional': memoryOf('master', 'pss'),
            'worker, resident': memoryOf('worker', 'rss'),
            'worker, proportional': memoryOf('worker', 'pss'),
          },
          rows: names,
        },
        {
          about: 'The master, resident, by the number of workers:',
          columns: {
            server: (mode) => labelOf(mode),
            ...Object.fromEntries(sizes.map((size) => [count(size), (mode) => mega(at(mode, size).master.rss)])),
          },
          rows: names,
        },
      ],
      charts: [
        chart(
          'master-memory',
          "The master's resident memory by the number of workers",
          'MB',
          ({ master }) => master.rss / 1024,
        ),
      ],
      how: `How: \`VmRSS\`, and \`Pss\`, which divides pages that several processes share among them, 1.5 s after the fleet became ready. Workers: the median.`,
    },
  ];
}
