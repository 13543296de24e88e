// Faults that last: a limit, a full disk, a missing program, a process that stands still. Each in every phase.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, until } from '../loss/waiting.mjs';
import { SOON } from './fleet.mjs';
import { askMany } from './load.mjs';
import { stat } from './processes.mjs';
import { attach, canTrace, injected } from './strace.mjs';

const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
const nothing = async () => ['it was so from the start'];
const sh = (script) => ['sh', '-c', script, 'sh'];

/** Descriptors that are open anyway: no further one. */
const NONE = 8;
/** Milliseconds of a fault that is over before a phase gives up. */
const SHORT = 700;

/**
 * @param brief The fault ends by itself, while the phase goes on: so many milliseconds after the log `shows` it. A master that gets no CPU for
 * that long has not met it before.
 */
function lasting(strike, brief, shows = /^/) {
  return async (fleet) => {
    const from = fleet.log.length;
    let over = false;
    let lifted;
    const lift = await strike(fleet);
    const once = () => (lifted ??= lift());
    const ends = async () => {
      await eventually(() => over || fleet.ended || shows.test(fleet.log.slice(from)), SOON);
      if (!over) await delay(brief);
      await once();
    };
    const ended = brief === undefined ? undefined : ends();
    return async () => {
      over = true;
      const hits = await once();
      await ended;
      return hits;
    };
  };
}

const refused =
  (call, error, when = '1+') =>
  async (fleet) => {
    const tracer = await attach(fleet.pid, [call], `error=${error}:when=${when}`);
    return async () => injected(await tracer.detach());
  };

/** In the process that is to become a worker, between clone and exec. */
const refusedInChild = (call, error) => async (fleet) => {
  const tracer = await attach(fleet.pid, [call], `error=${error}:when=1`, { follow: true });
  return async () => injected(await tracer.detach());
};

async function withoutDescriptors({ pid }) {
  const limit = (soft) => execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${soft}:`]);
  const before = /^Max open files +(\d+)/m.exec(execFileSync('cat', [`/proc/${pid}/limits`], { encoding: 'utf8' }))[1];
  limit(NONE);
  return async () => {
    limit(before);
    return [`RLIMIT_NOFILE ${NONE}`];
  };
}

const standing = (which) => async (fleet) => {
  const pid = await which(fleet);
  if (pid === undefined) return async () => [];
  stop(pid);
  return async () => {
    resume(pid);
    return [`SIGSTOP to ${pid}`];
  };
};

const stop = (pid) => process.kill(pid, 'SIGSTOP');

function resume(pid) {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // the master killed it
  }
}

const childrenOf = (pid) => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // it has ended
  }
};

/** Until then it shows the command of its parent, which waits for it (vfork), and would stand still with it. */
function isExecuted(pid, parent) {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return command !== '' && command !== readFileSync(`/proc/${parent}/cmdline`, 'utf8');
  } catch {
    return false;
  }
}

/** A worker that the master has just started stands still before its program runs: it has been executed, and is not ready. */
const standingNewborn = async (fleet) => {
  const before = new Set(childrenOf(fleet.pid));
  let pid;
  let lifted = false;
  const looking = (async () => {
    while (pid === undefined && !lifted && !fleet.ended) {
      pid = childrenOf(fleet.pid).find((child) => !before.has(child) && isExecuted(child, fleet.pid));
      if (pid !== undefined) stop(pid);
      await delay(1);
    }
  })();
  return async (until = () => true) => {
    lifted = true;
    await looking;
    await eventually(() => fleet.ended || until(), SOON);
    if (pid !== undefined) resume(pid);
    return pid === undefined ? [] : [`SIGSTOP to ${pid} while it booted`];
  };
};

const secondWorker = async (fleet) => (await fleet.order('status')).value?.workers?.at(-1)?.pid;

/** Fills the channel of a worker that stands still: 8 MiB and more of messages wait in the master. */
async function fullChannel(fleet) {
  const lift = await standing(secondWorker)(fleet);
  const { value: taken } = await fleet.order('flood', 1, 100_000);
  return async () => {
    const hits = await lift();
    return taken > 80 && taken < 1_000 ? hits : [];
  };
}

/** The same with a worker that boots: what is sent to it waits. */
async function fullChannelOfNewborn(fleet) {
  const lift = await standingNewborn(fleet);
  let taken = 0;
  const flooded = eventually(async () => {
    for (const slot of [0, 1]) taken = Math.max(taken, (await fleet.order('flood', slot, 100_000)).value ?? 0);
    return taken > 80 || fleet.ended;
  }, 5_000).catch(() => {});
  return async () => {
    await flooded;
    const hits = await lift();
    return taken > 80 && taken < 1_000 ? hits : [];
  };
}

/** A worker closes its end of the control channel and goes on; in `start` while it boots. */
async function closedChannel(fleet) {
  const { value } = await fleet.order('status');
  if (value?.workers?.length > 0) {
    const { value: sent } = await fleet.order('hangUp', 1);
    const { pid } = value.workers.find(({ slot }) => slot === 1) ?? {};
    return async () => {
      // It is replaced when its turn comes.
      const end = new RegExp(`closed its control channel|took over from pid ${pid}\\b|stopped`);
      const named = () => fleet.ended || end.test(fleet.log);
      await eventually(named, SOON);
      return sent ? ['worker 1 closes its control channel'] : [];
    };
  }
  const file = join(fleet.folder, 'hang-up');
  writeFileSync(file, '');
  return async () => (existsSync(file) ? [] : ['a booting worker closes its control channel']);
}

const QUEUED = 50;

/** All workers stand still, and clients wait in the queues; before a fleet has started they wait for its first worker. */
async function queue(fleet) {
  const workers = (await fleet.order('status')).value?.workers ?? [];
  const pids = workers.map(({ pid }) => pid);
  for (const pid of pids) stop(pid);
  const target = { port: fleet.port, path: fleet.path };
  let asked;
  const asking = (async () => {
    await until(() => existsSync(fleet.path) || fleet.ended, 'the socket is there', SOON);
    asked = askMany(QUEUED, target);
  })();
  if (pids.length > 0) {
    await asking;
    await until(() => asked.connected === QUEUED, 'clients are in the queues', SOON);
  }
  const timer = setTimeout(() => pids.forEach(resume), SHORT);
  return async () => {
    await asking;
    clearTimeout(timer);
    for (const pid of pids) resume(pid);
    const lost = (await asked.all).filter((error) => error !== undefined);
    return {
      hits: asked.connected === QUEUED ? [`${QUEUED} connections waited`] : [],
      wrong: lost.length > 0 ? [`of ${QUEUED} who waited ${lost.length} lost: ${lost.map(({ code }) => code)}`] : [],
    };
  };
}

/** Whom RLIMIT_NPROC counts: root is exempt. */
const NOBODY = 65_534;
const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

/** As the same user: prlimit(2) asks root for CAP_SYS_RESOURCE, which containers withhold. */
async function withoutProcesses({ pid }) {
  const limit = (soft) =>
    execFileSync(asNobody[0], [...asNobody.slice(1), 'prlimit', `--pid=${pid}`, `--nproc=${soft}:`]);
  const [, before] = /^Max processes +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'));
  limit(1);
  return async () => {
    // It may have ended.
    if (stat(pid)?.dead === false) limit(before);
    return ['RLIMIT_NPROC 1'];
  };
}

function copyOfNode() {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-faults-node-'));
  const file = join(folder, 'node');
  copyFileSync(process.execPath, file);
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const missing = (file) => async () => {
  renameSync(file, `${file}.away`);
  return async () => {
    renameSync(`${file}.away`, file);
    return [`${file} is gone`];
  };
};

const forbidden = (file) => async () => {
  chmodSync(file, 0o600);
  return async () => {
    chmodSync(file, 0o700);
    return [`${file} may not be executed`];
  };
};

/** A file system of its own for socket, pid file and door; the socket is gone, so that a reload binds it again. */
const fullDisk = (folder) => async (fleet) => {
  for (const name of ['s']) rmSync(join(folder, name), { force: true });
  let taken = 0;
  // Its space first, then its inodes: a socket needs no more than one of these.
  for (const content of ['x'.repeat(4_096), '']) {
    try {
      for (;;) writeFileSync(join(folder, `filler-${++taken}`), content);
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    }
  }
  return async () => {
    for (let i = 1; i <= taken; i++) rmSync(join(folder, `filler-${i}`), { force: true });
    if (!fleet.ended) await fleet.order('reload');
    return ['a full disk'];
  };
};

function smallDisk() {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-faults-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=24', 'tmpfs', folder]);
  return {
    folder,
    remove: () => {
      execFileSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

const ALL = ['start', 'serving', 'reload', 'scale', 'recycle', 'stop'];

/** An attempt to start a worker is given up while such a fault lasts. */
const impatient = (brief) => ({ options: brief === undefined ? { readyTimeout: 8_000 } : {} });

/** Why nothing names a fault. */
const WAITED = 'it took longer, and that was all';
const LATER = 'what the kernel has no memory for now goes out later';
/** Of a master whose writes are refused. */
const unwritten = ({ ok, gone, hits }) => {
  if (hits.some((hit) => /write\([12], /.test(hit))) return 'what was refused was the line of the log itself';
  if (gone?.signal === 'SIGABRT') return 'libuv ends the process, and no write of its own goes out';
  return ok === false || gone ? undefined : LATER;
};

/**
 * `given(phase, sharing)`: what the fleet is, `fault`, `needs` in the log or the error, `silent`: why nothing needs to name it, or a function of what was seen, `tidy()`;
 * `broken`: from the begin. `cuts`: what a worker had accepted that is killed is lost.
 */
export const states = [
  ...[undefined, SHORT].flatMap((brief) => [
    {
      name: `${brief ? 'brief ' : ''}EMFILE`,
      possible: () => works('prlimit') || 'prlimit is not installed',
      given: (phase) => ({
        ...{ how: impatient(brief), fault: lasting(withoutDescriptors, brief, /EMFILE/), needs: /EMFILE/ },
        silent: phase === 'stop' ? 'a stop needs no descriptor' : undefined,
      }),
    },
    {
      name: `${brief ? 'brief ' : ''}RLIMIT_NPROC`,
      possible: () => works(...asNobody, 'prlimit') || 'it needs root, setpriv and prlimit',
      phases: ALL.filter((phase) => phase !== 'stop'),
      given: () => ({
        how: { ...impatient(brief), wrapper: asNobody, owner: NOBODY },
        ...{ fault: lasting(withoutProcesses, brief), needs: /EAGAIN/ },
      }),
    },
    ...['EAGAIN', 'ENOMEM'].map((error) => ({
      name: `${brief ? 'brief ' : ''}clone ${error}`,
      possible: () => canTrace || 'strace may not trace',
      phases: ALL.filter((phase) => phase !== 'stop'),
      given: () => ({
        how: impatient(brief),
        fault: lasting(refused('clone', error), brief),
        needs: new RegExp(error),
      }),
    })),
  ]),
  // libuv tries again without a pause: a tracer that leaves it in the middle of that would be a fault of its own.
  ...['write ENOBUFS 1..30', 'socketpair ENFILE', 'pipe2 ENFILE', 'openat ENFILE'].map((name) => ({
    name,
    possible: () => canTrace || 'strace may not trace',
    // A stop makes no socket, and no pipe.
    phases: /^(write|openat)/.test(name) ? ALL : ALL.filter((phase) => phase !== 'stop'),
    given: () => ({
      fault: lasting(refused(...name.split(' ')), SHORT),
      needs: new RegExp(name.split(' ')[1]),
      silent: name.startsWith('write') ? unwritten : undefined,
    }),
  })),
  {
    name: 'sendmsg ENOBUFS 1..30',
    possible: () => canTrace || 'strace may not trace',
    // Descriptors are handed over where a slot is without a worker.
    phases: ['serving'],
    sharings: ['sharded'],
    given: () => ({ fault: lasting(refused('sendmsg', 'ENOBUFS', '1..30'), SHORT), needs: /ENOBUFS/, silent: LATER }),
  },
  ...['execve EAGAIN', 'execve ENOMEM', 'execve E2BIG', 'dup2 EBUSY', 'close_range EPERM', 'chdir EACCES'].map(
    (name) => ({
      name: `child ${name}`,
      possible: () => canTrace || 'strace may not trace',
      phases: ALL.filter((phase) => phase !== 'stop'),
      given: () => ({
        fault: lasting(refusedInChild(...name.split(' ')), SHORT),
        needs: new RegExp(name.split(' ')[1]),
        silent: name.startsWith('close_range') ? 'the child closes each descriptor that /proc lists' : undefined,
      }),
    }),
  ),
  ...[missing, forbidden].map((how) => ({
    name: `exec ${how.name}`,
    possible: () => true,
    phases: ALL.filter((phase) => phase !== 'stop'),
    given: () => {
      const { file, remove } = copyOfNode();
      return { how: { options: { exec: file } }, fault: how(file), needs: /missing|ENOENT|EACCES/, tidy: remove };
    },
  })),
  {
    name: 'a full disk',
    possible: () => {
      try {
        smallDisk().remove();
        return true;
      } catch {
        return 'tmpfs may not be mounted';
      }
    },
    phases: ['start', 'reload', 'stop'],
    given: (phase) => {
      const { folder, remove } = smallDisk();
      const options = {
        listen: ['127.0.0.1:0', `unix:${join(folder, 's')}`],
        pidFile: join(folder, 'pid'),
        admin: join(folder, 'door'),
      };
      return {
        how: { options, path: join(folder, 's') },
        fault: fullDisk(folder),
        needs: /ENOSPC/,
        silent: phase === 'stop' ? 'a stop needs no space on a disk' : undefined,
        tidy: remove,
        // The suite has removed the socket.
        excused: ({ code }) => code === 'ENOENT',
      };
    },
  },
  ...['exec "$@" >/dev/full 2>&1', 'exec "$@" 2>&-', 'exec "$@" >&- 2>&-', 'exec "$@" <&- >&- 2>&-'].map((script) => ({
    name: script.replace('exec "$@"', 'output').replaceAll(' ', '_'),
    possible: () => true,
    given: () => ({
      ...{ how: { wrapper: sh(script) }, fault: async () => nothing, broken: true },
      silent: 'there is no output that could say so',
    }),
  })),
  {
    name: 'a worker stands still',
    possible: () => true,
    phases: ALL.filter((phase) => phase !== 'start'),
    given: () => ({ fault: standing(secondWorker), cuts: true, needs: /was killed by SIGKILL/, silent: WAITED }),
  },
  ...[undefined, SHORT].map((brief) => ({
    name: `${brief ? 'brief ' : ''}SIGSTOP of a worker that boots`,
    possible: () => true,
    phases: ALL.filter((phase) => phase !== 'stop'),
    given: () => ({
      how: { options: brief === undefined ? { readyTimeout: 4_000 } : {} },
      fault:
        brief === undefined
          ? async (fleet) => {
              const lift = await standingNewborn(fleet);
              return () => lift(() => /not ready within/.test(fleet.log));
            }
          : lasting(standingNewborn, 2 * brief),
      ...(brief === undefined ? { needs: /not ready within 4000 ms/ } : { silent: WAITED }),
    }),
  })),
  {
    name: 'closed control channel',
    possible: () => true,
    given: (phase) => ({
      ...{ fault: closedChannel, cuts: true, needs: /closed its control channel/ },
      silent: { stop: 'a worker that is to end is asked by a signal instead', reload: 'it was to be replaced anyway' }[
        phase
      ],
    }),
  },
  {
    name: `${QUEUED} clients in the queues`,
    possible: () => true,
    given: () => ({
      // The workers stand still for a while of it.
      ...{ how: { options: { shutdownGracePeriod: 15_000 } }, fault: queue },
      silent: 'clients waited, and that was all',
    }),
  },
  {
    name: 'the channel to a worker is full',
    possible: () => true,
    phases: ALL.filter((phase) => phase !== 'start'),
    given: () => ({ fault: fullChannel, cuts: true, needs: /does not read|was killed by SIGKILL/, silent: WAITED }),
  },
  {
    name: 'the channel to a worker that boots is full',
    possible: () => true,
    phases: ['start', 'reload', 'scale'],
    given: () => ({ fault: lasting(fullChannelOfNewborn, 3 * SHORT), silent: WAITED }),
  },
  {
    name: 'the master stands still',
    possible: () => true,
    given: () => ({
      silent: WAITED,
      fault: lasting(async (fleet) => {
        await delay(20);
        let standing;
        // In the middle of the phase.
        const timer = setTimeout(() => {
          standing = fleet.ended === undefined;
          if (standing) fleet.signal('SIGSTOP');
        }, 60);
        return async () => {
          clearTimeout(timer);
          if (standing && fleet.ended === undefined) fleet.signal('SIGCONT');
          return [`SIGSTOP to the master`];
        };
      }, 1_500),
    }),
  },
];
