// `npm run test:loss`: what clients lose while a fleet is reloaded, killed, blocked, scaled and recycled, in every sharing mode.
//   --only <fleet>      one fleet: shared, sharded, reuseport, cluster
//   --scenario <word>   scenarios whose name contains the word
//   --seed <number>     repeats the random choices of an earlier run
//   --quick             a tenth of everything
import { parseArgs } from 'node:util';
import { runCell } from './cell.mjs';
import { fleets, remarks } from './fleets.mjs';
import { makeRandom } from './random.mjs';
import { scenarios } from './scenarios.mjs';
import { HOW_TO_READ, headings, rowLine } from './table.mjs';

/** Milliseconds for everything. */
const LIMIT = 9.5 * 60_000;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    scenario: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    quick: { type: 'boolean', default: false },
  },
});
const seed = Number(flags.seed);
const chosenFleets = fleets.filter(({ name }) => flags.only === undefined || name === flags.only);
const chosenScenarios = scenarios.filter(({ name }) => name.includes(flags.scenario));
if (!Number.isInteger(seed) || chosenFleets.length * chosenScenarios.length === 0) {
  console.error(`--only is one of: ${fleets.map(({ name }) => name).join(', ')}
--scenario is a part of: ${scenarios.map(({ name }) => name).join(', ')}
--seed is a whole number`);
  process.exit(2);
}

console.log(`${HOW_TO_READ}${remarks.join('\n')}\n\nNode ${process.version}, seed ${seed}\n`);
const end = performance.now() + LIMIT;
const failures = [];
for (const scenario of chosenScenarios) {
  const share = flags.quick ? 0.1 : 1;
  console.log(`${Math.max(1, Math.round(scenario.count * share))} × ${scenario.name}\n${headings()}`);
  for (const fleet of chosenFleets) {
    if (performance.now() > end) {
      failures.push(`${scenario.name}, ${fleet.name}: not run, the time is over`);
      continue;
    }
    const began = performance.now();
    // The same choices for every fleet.
    const row = await runCell({ fleet, scenario, share, random: makeRandom(seed) });
    console.log(rowLine({ fleet: fleet.name, seconds: (performance.now() - began) / 1_000, ...row }));
    if (/FAILED|LOST/.test(row.verdict))
      failures.push([`${scenario.name}, ${fleet.name}`, ...row.failures].join('\n  '));
  }
  console.log();
}
if (failures.length === 0) {
  console.log('Nothing was lost that had not been accepted by a worker that was killed.');
} else {
  console.log(`Failed; --seed ${seed} repeats it:\n${failures.join('\n')}`);
  process.exitCode = 1;
}
