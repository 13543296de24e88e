// The memory that the master adds to a program: an idle program that imports the modules of a server, and the same program as the
// master of two workers. bench/README.md says how it is measured.
import { setTimeout as delay } from 'node:timers/promises';
import { median, memory, start } from './lib/processes.mjs';
import { print, say } from './lib/report.mjs';

const ROUNDS = 5;
/** Until the memory after a start has settled. */
const SETTLE_MS = 2_000;
const BOUND = 1.1;

const rows = [];
for (const modules of ['node:http', 'node:http,express', 'node:http,fastify']) {
  const samples = [];
  for (let round = 0; round < ROUNDS; round++) {
    say(`${modules}: round ${round + 1} of ${ROUNDS}`);
    samples.push({ plain: await idle('plain', modules), master: await idle('master', modules) });
  }
  const of = (pick) => median(samples.map(pick));
  rows.push({
    modules: modules.split(','),
    plain: { rss: of(({ plain }) => plain.rss), pss: of(({ plain }) => plain.pss) },
    master: { rss: of(({ master }) => master.rss), pss: of(({ master }) => master.pss) },
    ratio: of(({ plain, master }) => master.rss / plain.rss),
    bound: BOUND,
  });
}
say('');

const mega = (kilobytes) => (kilobytes / 1024).toFixed(1);
print({
  title: 'Memory of an idle program, by itself and as a master, MB: medians',
  tables: [
    {
      imports: ({ modules }) => modules.join(' + '),
      'resident, plain': ({ plain }) => mega(plain.rss),
      'resident, master': ({ master }) => mega(master.rss),
      'master / plain': ({ ratio, bound }) => `${ratio.toFixed(3)} (at most ${bound})`,
      'proportional, plain': ({ plain }) => mega(plain.pss),
      'proportional, master': ({ master }) => mega(master.pss),
    },
  ],
  rows,
  misses: rows
    .filter(({ ratio, bound }) => !(ratio <= bound))
    .map(
      ({ modules, ratio, bound }) => `${modules.join(' + ')}: ${ratio.toFixed(3)} × plain, at most ${bound} allowed`,
    ),
});

async function idle(role, modules) {
  const program = start(new URL('./lib/idle.mjs', import.meta.url), role, modules);
  try {
    await program.next();
    await delay(SETTLE_MS);
    return memory(program.pid);
  } finally {
    await program.stop();
  }
}
