/**
 * Sockets that other programs have opened for this master: the LISTEN_FDS protocol of sd_listen_fds(3), and SERVER_STARTER_PORT of Perl's
 * Server::Starter. `activation.ts` takes them out of the environment here.
 */

import { posix } from '../../addon/narrow.cjs';
import type { CommonAddon, Fd, InspectedSocket } from '../../addon/native.cjs';
import { PreforkError, show } from '../../common/errors.js';
import { reasonOf } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import { FIRST_FD } from '../../protocol/protocol.cjs';
import { canServe } from './fit.js';
import { GIVEN_BY } from './given-by.js';
import { type Missed, meantFor } from './meant-for.js';
import { type NotASocket, notASocket } from './not-a-socket.js';
import { readStoredName, type StoredName } from './stored-names.js';

/** An open descriptor; the fleet that takes it from the list owns it. */
export interface ActivatedSocket {
  readonly fd: Fd;
  readonly by: Giver;
  /** From LISTEN_FDNAMES; `undefined` when the manager gave none. */
  readonly name: string | undefined;
  readonly socket: InspectedSocket;
  /** An earlier master had it kept, under this name. */
  readonly stored?: StoredName | undefined;
  /** It is no socket. */
  readonly fifo?: NotASocket;
}

/** Who opens sockets for others, and the variable that says so. */
interface Giver {
  readonly who: string;
  readonly variable: string;
}

const MANAGER: Giver = { who: 'the service manager', variable: 'LISTEN_FDS' };
const STARTER: Giver = { who: 'Server::Starter', variable: 'SERVER_STARTER_PORT' };

export interface ActivationContext {
  readonly native: CommonAddon;
  readonly log: Log;
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  /** Default: asks the kernel. */
  readonly notASocket?: (fd: Fd) => NotASocket | undefined;
}

interface Taken {
  readonly sockets: readonly ActivatedSocket[];
  readonly missed?: Missed | undefined;
}

/**
 * Removes the variables from the environment, whatever process they were meant for.
 * @throws PreforkError `ERR_PREFORK_INHERITED_LISTENER` when a promised descriptor is not open, or cannot come from a service manager.
 */
export function takeSockets(context: ActivationContext): Taken {
  const { native, env, pid } = context;
  const { LISTEN_FDS: count = '', LISTEN_FDNAMES: names, LISTEN_PID: addressee, SERVER_STARTER_PORT: starter } = env;
  for (const name of GIVEN_BY) delete env[name];
  const sockets: ActivatedSocket[] = [];
  let missed: Missed | undefined;
  try {
    if (/^[1-9]\d*$/.test(count)) {
      if (addressee === String(pid)) takeFromManager(sockets, Number(count), names, context);
      else missed = meantFor(addressee, count, pid);
    }
    // No process of Windows inherits descriptors by number.
    if (starter !== undefined && starter !== '' && pid > 0) takeFromStarter(sockets, starter, context);
    return { sockets, missed };
  } catch (error) {
    for (const socket of sockets) if (canServe(socket)) native.closeFd(socket.fd);
    throw error;
  }
}

function takeFromManager(
  taken: ActivatedSocket[],
  count: number,
  names: string | undefined,
  context: ActivationContext,
): void {
  const list = names?.split(':') ?? [];
  if (names !== undefined && list.length !== count) {
    context.log.warn(
      `LISTEN_FDNAMES has ${list.length} names for ${count} descriptors (LISTEN_FDS): matching by address only`,
      { event: 'listen' },
    );
    list.length = 0;
  }
  for (let index = 0; index < count; index++) {
    const fd = FIRST_FD + index;
    try {
      const name = list[index];
      taken.push({ ...take(fd, context), by: MANAGER, name, stored: readStoredName(name) });
    } catch (cause) {
      throw new PreforkError(
        'ERR_PREFORK_INHERITED_LISTENER',
        `LISTEN_FDS promises ${count} descriptors from ${FIRST_FD} up, but ${fd} cannot be used (${reasonOf(cause)}): ` +
          'start the master through the service manager itself, or unset LISTEN_PID',
        { cause },
      );
    }
  }
}

/** `0.0.0.0:80=3;[::1]:80=4;443=5;/run/app.sock=6`. The kernel knows the addresses: only the numbers count. */
function takeFromStarter(taken: ActivatedSocket[], list: string, context: ActivationContext): void {
  for (const entry of list.split(';').filter((text) => text !== '')) {
    const [, place, number] = /^(.+)=(\d{1,9})$/s.exec(entry) ?? [];
    try {
      if (number === undefined) throw new Error('it must be host:port=descriptor, port=descriptor or path=descriptor');
      const fd = Number(number);
      if (taken.some((other) => other.fd === fd)) continue;
      taken.push({ ...take(fd, context), by: STARTER, name: undefined });
    } catch (cause) {
      const what = number === undefined ? `the entry ${show(entry)}` : `descriptor ${number} for ${place}`;
      throw new PreforkError(
        'ERR_PREFORK_INHERITED_LISTENER',
        `SERVER_STARTER_PORT promises ${what}, which cannot be used (${reasonOf(cause)}): ` +
          'start the master by start_server itself, or unset SERVER_STARTER_PORT',
        { cause },
      );
    }
  }
}

/** @throws for a descriptor that cannot have been passed. */
function take(fd: Fd, { native, notASocket: look = notASocket }: ActivationContext): Looked {
  // The manager leaves it inheritable; no child that is not a worker may keep the port open.
  posix(native).setCloseOnExec(fd);
  const socket = native.inspectListener(fd);
  const other = socket.family === 'other' ? look(fd) : undefined;
  // Where the manager's descriptors end, Node's own begin: its epoll is the first, and without it the process aborts.
  if (other?.fifo === false) throw new Error(`descriptor ${fd} is ${other.what}, not a listening socket`);
  return { fd, socket, ...(other && { fifo: other }) };
}

type Looked = Pick<ActivatedSocket, 'fd' | 'socket' | 'fifo'>;
