// What the soak does to a fleet, and in which order: the seed alone says that.
import { setTimeout as delay } from 'node:timers/promises';
import { untilServing } from '../loss/waiting.mjs';

/** Workers to choose a scaling from. */
export const [FEWEST, MOST] = [2, 6];
/** Milliseconds between two actions: the first ones are not over when the next begin. */
const PAUSE = [100, 1_500];
/** Milliseconds of a standstill that the fleet has to live with, and of one for which the master kills. */
const STALL = [1_000, 3_000];
const HANG = 12_000;
/** Milliseconds of a blocked worker until its master kills it. */
export const LIVENESS = 5_000;
/** Milliseconds without descriptors. */
const SHORT = 2_000;

/** Each gets `{ fleet, ledger, pick, of }`: `pick()` chooses a worker that serves, `of(low, high)` a number. */
const actions = {
  SIGKILL: end,
  SIGTERM: end,
  SIGSEGV: end,
  reload: ({ fleet }) => fleet.call('reload'),
  scale: ({ fleet, of }) => fleet.call('scale', of(FEWEST, MOST)),
  stall: (means) => block(means, means.of(...STALL)),
  hang: (means) => block(means, HANG),
  async freeze({ ledger, pick, of }) {
    const pid = await pick();
    ledger.blocked.add(pid);
    if (!signal(pid, 'SIGSTOP')) return;
    try {
      await delay(of(...STALL));
    } finally {
      signal(pid, 'SIGCONT');
    }
  },
  async 'worker without descriptors'({ fleet, pick }) {
    const pid = await pick();
    await fleet.call('sendTo', pid, { leak: true });
    await delay(SHORT);
    // It may have been replaced meanwhile.
    await fleet.call('sendTo', pid, { leak: false }).catch(() => {});
  },
  /** And a worker to replace, so that it needs some. */
  async 'master without descriptors'(means) {
    // Chosen first: a master that is short starts none, so that there might never be the two that `end()` waits for.
    const pid = await means.pick(2);
    await means.fleet.call('hoard', true);
    try {
      endNow(means, pid, 'SIGKILL');
      await delay(SHORT);
    } finally {
      await means.fleet.call('hoard', false);
    }
  },
};
const NAMES = Object.keys(actions);

/** @returns each action once, in an order of its own: `{ name, draw, pause }`. `draw` is what the action chooses by. */
export function nextRound(random) {
  const left = [...NAMES];
  return NAMES.map(() => {
    const [name] = left.splice(random.between(0, left.length - 1), 1);
    return { name, draw: random.between(0, 999_999), pause: random.between(...PAUSE) };
  });
}

export async function act({ name, draw }, { fleet, ledger }) {
  const pick = async (least = 1) => {
    const serving = await untilServing(fleet, least);
    return serving[draw % serving.length];
  };
  const of = (low, high) => low + (draw % (high - low + 1));
  await actions[name]({ fleet, ledger, pick, of }, name);
}

async function block({ fleet, ledger, pick }, ms) {
  const pid = await pick();
  ledger.blocked.add(pid);
  await fleet.call('stall', pid, ms);
}

/** One worker has to be left. */
async function end(means, how) {
  endNow(means, await means.pick(2), how);
}

function endNow({ ledger }, pid, how) {
  // After SIGTERM it finishes what it accepted: nothing may be lost.
  if (how !== 'SIGTERM') ledger.mark(pid, how);
  signal(pid, how);
}

function signal(pid, name) {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // it ended meanwhile
    return false;
  }
}
