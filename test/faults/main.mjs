// `npm run test:faults`: what a fleet does when the kernel refuses a call, a limit is reached, a disk is full, a process is killed or
// stands still, in every phase of its life, under a steady load of clients.
//   --concern <word>   concerns whose name contains the word
//   --only <words>     cells whose name contains the words, as they are printed: 'reload shared openat EMFILE 3'
//   --sharing <way>    shared, sharded
//   --most <number>    so many calls of one kind in one phase, chosen by the seed. Default: 4
//   --seed <number>    repeats the random choices of an earlier run
//   --quick            one cell of each kind, in some fifteen seconds: the share of the suite of tests
//   --verbose          a line for each cell
import { parseArgs } from 'node:util';
import { makeRandom } from '../loss/random.mjs';
import { clock } from './clock.mjs';
import { errors } from './errors.mjs';
import { kills } from './kills.mjs';
import { lasting } from './lasting.mjs';
import { newborns } from './newborns.mjs';
import { Report } from './report.mjs';

const concerns = [lasting, clock, errors, ...newborns, kills];

/** Words of cells. */
const QUICK = ['reload shared brief EMFILE', 'reload shared ten years forth'];

const { values: flags } = parseArgs({
  options: {
    concern: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    sharing: { type: 'string' },
    most: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    quick: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const seed = Number(flags.seed);
console.log(`Node ${process.version}, seed ${seed}`);
const report = new Report(flags.verbose);
/** Asked with the beginning of a name, too: whether there may be a cell. */
const wanted = (name) =>
  flags.quick
    ? QUICK.some((words) => words.startsWith(name))
    : name.includes(flags.only) || flags.only.startsWith(name);
const leftOut = (...what) => report.leftOut(...what);
for (const concern of concerns.filter(({ name }) => name.includes(flags.concern))) {
  const possible = concern.possible();
  if (possible !== true) {
    report.leftOut(concern.name, possible);
    continue;
  }
  for (const sharing of ['shared', 'sharded'].filter((way) => flags.sharing === undefined || way === flags.sharing)) {
    const cells = concern.cells({ sharing, most: Number(flags.most), random: makeRandom(seed), wanted, leftOut });
    for (;;) {
      try {
        const { value, done } = await cells.next();
        if (done) break;
        report.add(concern.name, value);
      } catch (error) {
        report.add(concern.name, { name: `all ${sharing}`, wrong: [error.stack], hits: [], log: '' });
        break;
      }
    }
  }
}
process.exitCode = report.print(seed) ? 0 : 1;
// Nothing here is waited for any more.
process.exit();
