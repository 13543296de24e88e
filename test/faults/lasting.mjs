// Faults that last while the fleet does something.
import { states } from './states.mjs';
import { Stage } from './walk.mjs';

const PHASES = ['start', 'serving', 'reload', 'scale', 'recycle', 'stop'];

export const lasting = {
  name: 'lasting faults',
  possible: () => true,
  async *cells({ sharing, wanted, leftOut }) {
    for (const { name, possible, phases = PHASES, sharings = [sharing], given } of states) {
      const all = (sharings.includes(sharing) ? phases : [])
        .map((phase) => ({ phase, cell: `${phase} ${sharing} ${name}` }))
        .filter(({ cell }) => wanted(cell));
      if (all.length === 0) continue;
      const why = possible();
      if (why !== true) {
        leftOut(name, why);
        continue;
      }
      for (const { phase, cell } of all) {
        const { how = {}, fault, needs, silent, tidy, cuts, excused, broken } = given(phase, sharing);
        const stage = new Stage(phase, { ...how, options: { sharing, ...how.options } });
        try {
          if (phase !== 'stop' && !broken) await stage.go(async () => async () => []);
          yield { name: cell, needs, silent, ...(await stage.go(fault, { cuts, excused })) };
        } finally {
          await stage.down();
          tidy?.();
        }
      }
    }
  },
};
