// What a fleet is doing when the fault comes.

import { eventually, until } from '../loss/waiting.mjs';
import { SOON, WORKERS } from './fleet.mjs';
import { isAlive } from './processes.mjs';

/** Milliseconds in which a fleet is whole again once the fault is gone. */
const HEALS = 60_000;

/** Each: what the suite does while the fault is there. Returns what the fleet says of it: `{ ok, error? }`. */
export const phases = {
  start: async (fleet) => verdict(await fleet.order('start')),
  /** A worker is killed, and its slot is filled again. */
  serving: async (fleet, { excuse }) => {
    const asked = verdict(await fleet.order('status'));
    if (asked.value === undefined) return asked;
    const { pid } = asked.value.workers[0];
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(pid), `worker ${pid} ends`, SOON);
    excuse(pid);
    const again = await eventually(() => fleet.ended || fleet.log.includes(`took over from pid ${pid}`), 3_000);
    // Only now by status(), which has calls of its own: there is no log where the fleet has no output.
    return { ok: again === true || (await isWhole(fleet)) };
  },
  reload: async (fleet) => {
    const said = verdict(await fleet.order('reload'));
    return said.value === undefined ? said : { ok: said.value.ok, error: said.value.error };
  },
  scale: async (fleet) => {
    const up = verdict(await fleet.order('scale', WORKERS + 1));
    const down = verdict(await fleet.order('scale', WORKERS));
    return up.ok ? down : up;
  },
  recycle: async (fleet) => {
    const asked = verdict(await fleet.order('status'));
    if (asked.value === undefined) return asked;
    const { workers, recoveries } = asked.value;
    const { pid, slot } = workers[0];
    await fleet.order('retire', slot);
    const again = await eventually(() => fleet.ended || !isAlive(pid), 4_000);
    return { ok: again === true, recoveries };
  },
  stop: async (fleet) => {
    const said = verdict(await fleet.order('stop'));
    return said;
  },
};

function verdict({ value, error, gone }) {
  return { ok: error === undefined && gone === undefined, value, error, gone };
}

/** As many workers as it should have, all ready. */
async function isWhole(fleet) {
  const { value } = await fleet.order('status');
  if (value === undefined) return false;
  const ready = value.workers.filter(({ state }) => state === 'ready');
  return value.state === 'running' && ready.length === WORKERS && value.workers.length === WORKERS;
}

/** Whether the fleet has its workers again, all of them and no more. */
export async function heals(fleet) {
  return (await eventually(async () => fleet.ended !== undefined || (await isWhole(fleet)), HEALS)) && !fleet.ended;
}
