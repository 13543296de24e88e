import { expect, test } from 'vitest';
import { freePort } from '../../helpers/free-port.js';
import { patience, startMaster } from '../../helpers/index.js';

const TIMES = 50;

test(
  'C23 listeners are closed when no worker accepts from them any more, and nothing is left of a fleet, 50 times in one process',
  async () => {
    const master = startMaster('starts-fleets-in-a-row', { args: [String(TIMES), String(await freePort())] });
    const last = await master.event('left', { where: ({ round }) => round === TIMES, within: 170_000 });
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    const rounds = master.events('left');
    expect(rounds).toHaveLength(TIMES + 1);
    for (const { round, code, listening, children, descriptors, signals, open } of rounds) {
      expect({ round, code, listening, children, descriptors, signals, open }).toEqual({
        round,
        code: round > 0 && round % 5 === 0 ? 'ERR_PREFORK_HOOK' : undefined,
        listening: false,
        children: [],
        descriptors: [],
        signals: [],
        open: last['open'],
      });
    }
    const exits = master.events('exit');
    expect(exits).toHaveLength(TIMES + 1);
    // The worker had accepted every queued connection, and said so: no client could connect any more while it finished.
    expect(exits.filter(({ listening }) => listening)).toEqual([]);
    expect(exits.filter(({ workers }) => workers > 0)).toEqual([]);
    expect(master.events('warning')).toEqual([]);
  },
  patience(180_000),
);
