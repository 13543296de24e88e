// The master is killed: at each system call of each phase that changes something outside of it, and at random moments.

import { eventually } from '../loss/waiting.mjs';
import { makeFleet } from './fleet.mjs';
import { lanesOf, startLoad } from './load.mjs';
import { heals, phases } from './phases.mjs';
import { attach, canTrace } from './strace.mjs';
import { census, chosen } from './walk.mjs';

const PHASES = ['start', 'serving', 'reload', 'scale', 'recycle', 'stop'];
/** At these it leaves something half done. */
const STEPS = [
  ...[
    'socketpair',
    'pipe2',
    'clone',
    'memfd_create',
    'socket',
    'bind',
    'listen',
    'rename',
    'unlink',
    'openat',
    'write',
  ],
  ...['sendmsg', 'close', 'epoll_ctl', 'setsockopt', 'flock', 'fcntl'],
];
/** Milliseconds until the last worker of a master that was killed is gone: its grace period, and a second. */
const ENDS = 3_000 + 1_000;
/** Milliseconds after the begin of a phase in which it is killed by the clock, and how often. */
const MOMENTS = 900;

export const kills = {
  name: 'SIGKILL of the master',
  possible: () => true,
  async *cells({ sharing, most, random, wanted }) {
    for (const phase of PHASES) {
      if (!wanted(`${phase} ${sharing}`)) continue;
      if (canTrace) {
        const counts = await census(phase, { options: { sharing } }, STEPS);
        for (const [call, count] of [...counts].sort())
          for (const nth of chosen(count, most, random)) {
            const name = `${phase} ${sharing} ${call} kill ${nth}`;
            if (wanted(name)) yield { name, ...(await kill(phase, sharing, atCall(call, nth))) };
          }
      }
      for (let i = 0; i < 2 * most; i++) {
        // Microseconds, so that no two are the same.
        const moment = random.between(0, MOMENTS * 1_000);
        const name = `${phase} ${sharing} after ${moment} µs`;
        if (wanted(name)) yield { name, ...(await kill(phase, sharing, atMoment(moment))) };
      }
    }
  },
};

const atCall = (call, nth) => async (fleet) => {
  const tracer = await attach(fleet.pid, [call], `signal=KILL:when=${nth}`);
  return async () => {
    await tracer.detach();
    await eventually(() => fleet.ended, 200);
    return fleet.ended?.signal === 'SIGKILL' ? [`SIGKILL at ${call} number ${nth}`] : [];
  };
};

const atMoment = (moment) => async (fleet) => {
  const due = performance.now() + moment / 1_000;
  const timer = setTimeout(
    () => {
      // A timer is a millisecond too early or too late: the rest is waited for here.
      while (performance.now() < due);
      if (!fleet.ended) fleet.signal('SIGKILL');
    },
    Math.max(0, moment / 1_000 - 2),
  );
  return async () => {
    await eventually(() => fleet.ended, MOMENTS);
    clearTimeout(timer);
    return [`SIGKILL after ${moment} µs`];
  };
};

/** The next master, in the same folder, serves at once: nothing that the killed one has left is in its way. */
async function kill(phase, sharing, fault) {
  const fleet = await makeFleet({ options: { sharing } });
  const wrong = [];
  let hits = [];
  let next;
  let load;
  try {
    await fleet.order('nothing');
    if (phase !== 'start') {
      const [{ port }] = await fleet.call('start');
      load = startLoad(lanesOf({ port, path: fleet.path }));
      if (!(await heals(fleet))) throw new Error(`no whole fleet without a fault\n${fleet.log}`);
    }
    const lift = await fault(fleet);
    await phases[phase](fleet, { excuse: () => {} }).catch(() => {});
    hits = await lift();
    if (fleet.ended === undefined) await fleet.order('stop');
    if (fleet.ended?.signal === 'SIGKILL' && !(await eventually(() => fleet.processes().length === 0, ENDS)))
      wrong.push(`orphans ${ENDS} ms after the end of the master: ${fleet.processes()}`);
    // What its workers had accepted they finish; what comes later is refused, never cut. On the connection that is kept a request may meet
    // the end that its worker is just about to send.
    const cut = (load?.take() ?? []).filter(({ code }) => code !== 'ECONNREFUSED' && code !== 'ENOENT');
    const inVain = cut
      .filter(({ over }) => over === 'kept')
      .slice(1)
      .concat(cut.filter(({ over }) => over !== 'kept'));
    if (inVain.length > allowedOf(phase))
      wrong.push(`clients were cut: ${cut.map(({ code, over }) => `${code} over ${over}`)}`);
    next = await makeFleet({ options: { sharing }, folder: fleet.folder });
    const { error, gone } = await next.order('start');
    if (error !== undefined || gone !== undefined)
      wrong.push(`the next master does not start: ${JSON.stringify(error ?? gone)}`);
    else {
      await next.order('stop');
      // A temporary name has the pid in it, or is random: nothing knows it again.
      const left = next.leftovers().filter((file) => !/^(pid\.\d+|\.[\da-f]+)$/.test(file));
      if (left.length > 0) wrong.push(`files left after the next master: ${left}`);
    }
  } catch (error) {
    wrong.push(error.stack);
  }
  const { log, ended: gone } = fleet;
  await load?.stop();
  await next?.dispose();
  await fleet.dispose();
  return { hits, log, wrong, gone };
}

/** A worker is killed in this phase, with what it has accepted; a queue ends with the last process that has it. */
const allowedOf = (phase) => (phase === 'serving' ? 8 : 0);
