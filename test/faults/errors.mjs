// Every call of the master's main thread, refused once.
import { canTrace } from './strace.mjs';
import { census, chosen, REFUSALS, refuse, Stage, untilStruck } from './walk.mjs';

const PHASES = ['start', 'serving', 'reload', 'scale', 'recycle', 'stop'];

/** What a fleet of `'sharded'` does when it grows for the first time. */
const OPEN_A_SLOT = ['socket', 'bind', 'listen'];

export const errors = {
  name: 'refused calls',
  possible: () => canTrace || 'strace is not installed, or may not trace',
  async *cells({ sharing, most, random, wanted, counts: known }) {
    for (const phase of PHASES) {
      const how = { options: { sharing } };
      if (!wanted(phase)) continue;
      const counts = known() ?? (await census(phase, how));
      const stage = new Stage(phase, how);
      try {
        for (const [call, count] of [...counts].sort()) {
          for (const error of REFUSALS[call]) {
            for (const nth of chosen(count, most, random)) {
              const name = `${phase} ${sharing} ${call} ${error} ${nth}`;
              if (!wanted(name)) continue;
              // The first go of a stage is one without a fault: what it leaves is what later ones are compared with.
              if (stage.usual === undefined && phase !== 'stop') await stage.go(async () => async () => []);
              // A slot has its socket for good.
              if (phase === 'scale' && OPEN_A_SLOT.includes(call)) await stage.down();
              const seen = await untilStruck(() => stage.go(refuse(call, error, nth)));
              yield { name, needs: new RegExp(error), ...seen };
            }
          }
        }
      } finally {
        await stage.down();
      }
    }
  },
};
