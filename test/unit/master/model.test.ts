/**
 * The supervisor under anything that may happen to it, in any order, on a faked system with a clock that only the test moves: test/helpers/model
 * has what may happen, and what holds after each step. In the end, left alone with workers that behave, the fleet serves in every slot, or it
 * had a reason to end. `npm run test:model` runs it 20,000 times, `npm run test:model:mutations` shows that it finds mistakes.
 *
 * A failure prints a seed and a path;
 * `PREFORK_MODEL_SEED=… PREFORK_MODEL_PATH=… npx vitest run test/unit/master/model.test.ts -t 'the property'` repeats it, and shrinks it again.
 */

import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { settle } from '../../helpers/fake-system.js';
import { checkOutcome, checkStep } from '../../helpers/model/invariants.js';
import { HOOKS_FAIL, OFTEN, SHARDED, STOPS, type Steps } from '../../helpers/model/steps.js';
import { BIRTHS, HARMLESS_BIRTHS, HOOKS, type Setting, World } from '../../helpers/model/world.js';

const { PREFORK_MODEL_RUNS: runs = '300', PREFORK_MODEL_SEED: seed, PREFORK_MODEL_PATH: path } = process.env;
/** `0`: a failure is reported as it was found. */
const shrinks = process.env['PREFORK_MODEL_SHRINKS'] !== '0';
/** Milliseconds: a run takes about 3. To shrink a failure takes minutes: what has been found by then is reported. */
const LIMIT = Number(runs) * 100 + 60_000;
const TIMEOUT = LIMIT + 30_000;

const CALM: Setting = {
  threshold: 1,
  sharing: 'sharded',
  terminal: false,
  readyFor: 0,
  drainDelay: 0,
  maxSurge: 1,
  births: [],
  hooks: [],
};

// What the master imports late takes longer the first time than the test waits.
beforeAll(async () => {
  const world = new World(CALM);
  expect(await world.fleet.started).toBeUndefined();
  await world.fleet.master.stop();
});

type Settings = { readonly [Name in keyof Setting]: fc.Arbitrary<Setting[Name]> };

const USUAL: Settings = {
  threshold: fc.constant(Infinity),
  sharing: fc.constantFrom('shared', 'line', 'sharded'),
  terminal: fc.constant(false),
  readyFor: fc.constantFrom(0, 1_000),
  drainDelay: fc.constant(0),
  maxSurge: fc.constantFrom(1, 2),
  births: fc.array(fc.constantFrom(...HARMLESS_BIRTHS), { maxLength: 3 }),
  hooks: fc.constant([]),
};

const UNDER_FIRE: Settings = {
  ...USUAL,
  threshold: fc.constantFrom(5, Infinity),
  terminal: fc.boolean(),
  drainDelay: fc.constantFrom(0, 3_000),
  births: fc.array(fc.constantFrom(...BIRTHS), { maxLength: 5 }),
  hooks: fc.array(
    fc.tuple(fc.constantFrom(...HOOKS), fc.constantFrom('throws' as const, 'rejects' as const, 'hangs' as const)),
    { maxLength: 2 },
  ),
};

interface Property {
  readonly what: string;
  readonly setting: Partial<Settings>;
  readonly steps: Steps;
  readonly most?: number;
  /** The steps begin so many turns of the microtask queue after `start()`. Default: when the fleet serves. */
  readonly begins?: fc.Arbitrary<number>;
}

const PROPERTIES: readonly Property[] = [
  {
    what: 'without a threshold no slot is forgotten or filled twice, and the fleet serves in the end',
    setting: {},
    steps: OFTEN,
  },
  {
    what: 'with a threshold a fleet that could serve is never ended, and one that ends leaves nothing',
    setting: { threshold: fc.constant(3) },
    steps: [...OFTEN, ...HOOKS_FAIL],
  },
  {
    what: 'a stop at any moment settles everything and leaves nothing',
    setting: { threshold: fc.constant(5), terminal: fc.boolean(), drainDelay: fc.constantFrom(0, 3_000) },
    steps: [...OFTEN, ...OFTEN, ...HOOKS_FAIL, ...STOPS],
  },
  {
    what: 'whatever befalls a first start, the fleet serves or ends with its reason, and leaves nothing',
    setting: UNDER_FIRE,
    steps: [...OFTEN, ...HOOKS_FAIL, ...STOPS],
    most: 15,
    begins: fc.constantFrom(0, 1, 3, 10, 30, 100),
  },
  {
    what: 'sharded: what no worker of a slot accepts all others do, until one serves there again',
    setting: { sharing: fc.constant('sharded') },
    steps: [...OFTEN, ...SHARDED, ...SHARDED],
  },
];

test.each(PROPERTIES)('$what', { timeout: TIMEOUT }, async ({ setting, steps, most = 40, begins }) => {
  const commands = fc.commands(steps, { size: 'max', maxCommands: most });
  const settings = fc.record({ ...USUAL, ...setting }) as fc.Arbitrary<Setting>;
  await fc.assert(
    fc.asyncProperty(settings, begins ?? fc.constant(undefined), commands, async (chosen, turns, lives) => {
      const world = new World(chosen);
      if (turns === undefined) {
        await world.system.advance(1_000);
        checkStep(world);
      } else for (let turn = 0; turn < turns; turn++) await undefined;
      await fc.asyncModelRun(() => ({ model: {}, real: world }), lives);
      await settle();
      await checkOutcome(world);
    }),
    {
      numRuns: Number(runs),
      interruptAfterTimeLimit: LIMIT,
      markInterruptAsFailure: true,
      endOnFailure: !shrinks,
      ...(seed !== undefined && { seed: Number(seed) }),
      // Which run it was. The steps of shrinking that follow say nothing of which commands of a list had run.
      ...(path !== undefined && { path: path.replace(/:.*/, '') }),
    },
  );
});
