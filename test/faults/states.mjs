// Faults that last: a limit, a full disk, a missing program, a process that stands still. Each in every phase.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { attach, canTrace, injected } from './strace.mjs';

const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
const nothing = async () => ['it was so from the start'];
const sh = (script) => ['sh', '-c', script, 'sh'];

/** Descriptors that are open anyway: no further one. */
const NONE = 8;
/** Milliseconds of a fault that is over before a phase gives up. */
const SHORT = 700;

/** `brief`: the fault ends by itself, while the phase goes on. */
function lasting(strike, brief) {
  return async (fleet) => {
    let lifted;
    const lift = await strike(fleet);
    const once = () => (lifted ??= lift());
    const timer = brief === undefined ? undefined : setTimeout(once, brief);
    return async () => {
      clearTimeout(timer);
      return await once();
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
  process.kill(pid, 'SIGSTOP');
  return async () => {
    try {
      process.kill(pid, 'SIGCONT');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error; // the master killed it
    }
    return [`SIGSTOP to ${pid}`];
  };
};

const secondWorker = async (fleet) => (await fleet.order('status')).value?.workers?.at(-1)?.pid;

/** Fills the channel of a worker that stands still: 8 MiB and more of messages wait in the master. */
async function fullChannel(fleet) {
  const lift = await standing(secondWorker)(fleet);
  await fleet.order('flood', 1, 100_000);
  return lift;
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
  try {
    for (;;) writeFileSync(join(folder, `filler-${++taken}`), 'x'.repeat(4_096));
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
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

/** `given(sharing)`: what the fleet is, `fault`, `needs` in the log or the error, `tidy()`. `allowed`: losses of clients, whatever they are. */
export const states = [
  ...[undefined, SHORT].flatMap((brief) => [
    {
      name: `${brief ? 'brief ' : ''}EMFILE`,
      possible: () => works('prlimit') || 'prlimit is not installed',
      given: () => ({ how: impatient(brief), fault: lasting(withoutDescriptors, brief), needs: /EMFILE/ }),
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
  ...['write ENOBUFS 1..30', 'sendmsg ENOBUFS 1..30', 'socketpair ENFILE', 'pipe2 ENFILE', 'openat ENFILE'].map(
    (name) => ({
      name,
      possible: () => canTrace || 'strace may not trace',
      given: () => ({ fault: lasting(refused(...name.split(' ')), SHORT), needs: new RegExp(name.split(' ')[1]) }),
    }),
  ),
  ...['execve EAGAIN', 'execve ENOMEM', 'execve E2BIG', 'dup2 EBUSY', 'close_range EPERM', 'chdir EACCES'].map(
    (name) => ({
      name: `child ${name}`,
      possible: () => canTrace || 'strace may not trace',
      phases: ALL.filter((phase) => phase !== 'stop'),
      given: () => ({
        fault: lasting(refusedInChild(...name.split(' ')), SHORT),
        needs: new RegExp(name.split(' ')[1]),
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
    given: () => {
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
        tidy: remove,
        // The suite has removed the socket.
        excused: ({ code }) => code === 'ENOENT',
      };
    },
  },
  ...['exec "$@" >/dev/full 2>&1', 'exec "$@" 2>&-', 'exec "$@" >&- 2>&-', 'exec "$@" <&- >&- 2>&-'].map((script) => ({
    name: script.replace('exec "$@"', 'output').replaceAll(' ', '_'),
    possible: () => true,
    given: () => ({ how: { wrapper: sh(script) }, fault: async () => nothing }),
  })),
  {
    name: 'a worker stands still',
    possible: () => true,
    phases: ALL.filter((phase) => phase !== 'start'),
    given: () => ({ fault: standing(secondWorker), cuts: true }),
  },
  {
    name: 'the channel to a worker is full',
    possible: () => true,
    phases: ALL.filter((phase) => phase !== 'start'),
    given: () => ({ fault: fullChannel, cuts: true }),
  },
  {
    name: 'the master stands still',
    possible: () => true,
    given: () => ({
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
