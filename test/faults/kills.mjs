// The master is killed: just before each system call of each phase that changes something outside of it, and at random moments.

import { eventually, until } from '../loss/waiting.mjs';
import { makeFleet, SOON } from './fleet.mjs';
import { CLIENTS, lanesOf, SILENT, startLoad, wasSilent } from './load.mjs';
import { heals, phases } from './phases.mjs';
import { attach, canTrace, countCalls } from './strace.mjs';
import { inTurn } from './turns.mjs';
import { census, chosen, untilStruck } from './walk.mjs';

const PHASES = ['start', 'serving', 'reload', 'scale', 'recycle', 'stop'];
/** At these it leaves something half done. */
const STEPS = [
  ...['socketpair', 'pipe2', 'clone', 'memfd_create', 'ftruncate', 'socket', 'bind', 'listen', 'rename', 'unlink'],
  ...['mkdir', 'chmod', 'fchmod', 'openat', 'write', 'sendmsg', 'close', 'epoll_ctl', 'setsockopt', 'flock', 'fcntl'],
  ...['kill', 'pidfd_open', 'pidfd_send_signal', 'clone3'],
];
/** Milliseconds until the last worker of a master that was killed is gone: its grace period, and a second. */
const ENDS = 3_000 + 1_000;
/** Milliseconds after the begin of a phase in which it is killed by the clock. */
const MOMENTS = 900;
/** So many of them, at the most. */
const MOST_MOMENTS = 16;

export const kills = {
  name: 'SIGKILL of the master',
  possible: () => true,
  async *cells({ sharing, most, jobs, random, wanted, leftOut, counts: known }) {
    for (const phase of PHASES) {
      if (!wanted(`${phase} ${sharing}`)) continue;
      const faults = [];
      if (canTrace) {
        const counts = known() ?? (await census(phase, { options: { sharing } }, STEPS));
        for (const [call, count] of [...counts].sort())
          for (const nth of chosen(count, most, random))
            faults.push({ name: `${phase} ${sharing} ${call} kill ${nth}`, fault: atCall(call, nth) });
      } else leftOut(`SIGKILL at each call, ${phase}`, 'strace may not trace');
      for (let i = 0; i < Math.min(2 * most, MOST_MOMENTS); i++) {
        // Microseconds, so that no two are the same.
        const moment = random.between(0, MOMENTS * 1_000);
        faults.push({ name: `${phase} ${sharing} after ${moment} µs`, fault: atMoment(moment) });
      }
      yield* inTurn(
        faults.filter(({ name }) => wanted(name)),
        jobs,
        async ({ name, fault }) => ({ name, ...(await untilStruck(() => kill(phase, sharing, fault))) }),
      );
    }
  },
};

const atCall = (call, nth) => async (fleet) => {
  const tracer = await attach(fleet.pid, [call], `signal=KILL:when=${nth}`);
  return async () => {
    const lines = await tracer.detach();
    await eventually(() => fleet.ended, 200);
    if (fleet.ended?.signal === 'SIGKILL') return { hits: [`SIGKILL at ${call} number ${nth}`] };
    return { hits: [], made: countCalls(lines).get(call) ?? 0 };
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
    return { hits: fleet.ended?.signal === 'SIGKILL' ? [`SIGKILL after ${moment} µs`] : [] };
  };
};

const READY = /\d+ workers are ready on /;

/** Workers that served, and what each has said since. */
function wordsOf({ log }) {
  const pids = [...log.matchAll(/^suite: (\d+) serves$/gm)].map(([, pid]) => Number(pid));
  return pids.map((pid) => ({
    pid,
    orphaned: new RegExp(`worker \\d+ \\(pid ${pid}, .*the master died`).test(log),
    told: log.includes(`suite: ${pid} is told to leave`),
  }));
}

/** The next master, in the same folder, serves at once: nothing that the killed one has left is in its way. */
async function kill(phase, sharing, fault) {
  const fleet = await makeFleet({ options: { sharing } });
  const wrong = [];
  const excused = new Set();
  let allowed = 0;
  let seen = { hits: [] };
  let silent;
  let next;
  let load;
  try {
    await fleet.order('nothing');
    if (phase === 'start') load = startLoad(lanesOf({ path: fleet.path }));
    else {
      const [{ port }] = await fleet.call('start');
      load = startLoad(lanesOf({ port, path: fleet.path }));
      if (!(await heals(fleet))) throw new Error(`no whole fleet without a fault\n${fleet.log}`);
      await until(() => load.answered > 8, 'clients are answered', SOON);
    }
    load.take();
    const lift = await fault(fleet);
    await phases[phase](fleet, {
      excuse: (pid) => {
        excused.add(pid);
        allowed += fleet.openAt(pid) + 1;
        // The queue of a slot has no other holder when the master dies, too.
        if (sharing === 'sharded') allowed += CLIENTS;
      },
    }).catch(() => {});
    seen = await lift();
    const killed = fleet.ended?.signal === 'SIGKILL';
    if (!killed) await fleet.order('stop');
    else if (!(await eventually(() => fleet.processes().length === 0, ENDS)))
      wrong.push(`orphans ${ENDS} ms after the end of the master: ${fleet.processes()}`);
    if (killed) {
      const words = wordsOf(fleet).filter(({ pid }) => !excused.has(pid));
      for (const { pid, orphaned, told } of words)
        if (!orphaned && !told) wrong.push(`worker ${pid} served, and ended without a word about its master`);
      if (words.length === 0) silent = 'no worker served yet that could have said that the master is gone';
      else if (words.every(({ told }) => told))
        silent = 'every worker had been told to leave before the master was killed';
      // Workers that boot take no queue over: the fleet is not there yet.
      if (phase === 'start' && !READY.test(fleet.log)) allowed += CLIENTS;
    }
    const cut = cutOf(load.take(), allowed);
    // Over TCP nothing tells an end of silent clients from the reset of a queue: another attempt does.
    if (cut.length > 0 && cut.every(({ lag }) => lag >= SILENT)) seen = { hits: [] };
    else if (cut.length > 0) wrong.push(`clients were cut, allowed ${allowed}: ${cut.map(inWords)}`);
    next = await makeFleet({ options: { sharing, workers: 1 }, folder: fleet.folder });
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
  return { ...seen, needs: /the master died/, silent, log, wrong, gone };
}

/**
 * What its workers had accepted they finish; what comes later is refused, never cut. On the connection that is kept one request may meet the
 * end that its worker is just about to send: HTTP has no word for that.
 */
function cutOf(losses, allowed) {
  const cut = losses.filter((loss) => loss.code !== 'ECONNREFUSED' && loss.code !== 'ENOENT' && !wasSilent(loss));
  const inVain = cut.filter(({ over, reused }, index) => {
    const first = cut.findIndex((one) => one.over === 'kept');
    return !(over === 'kept' && reused && index === first);
  });
  return inVain.length <= allowed ? [] : inVain;
}

function inWords({ code, over, syscall, took, lag }) {
  return `${syscall} ${code} over ${over} after ${took} ms, connected after ${lag}`;
}
