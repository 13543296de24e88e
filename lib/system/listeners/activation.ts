/**
 * Sockets that the service manager opened for this master: the LISTEN_FDS protocol of sd_listen_fds(3).
 *
 * One process may hold several fleets that start at the same time. What the manager passed is therefore taken from the
 * environment once, offered to every fleet that is opening its listeners, and closed when the last of them is done.
 */

import { isIP, SocketAddress } from 'node:net';
import { posix } from '../../addon/narrow.cjs';
import type { CommonAddon, Fd, InspectedSocket } from '../../addon/native.cjs';
import { PreforkError } from '../../common/errors.js';
import { reasonOf } from '../../common/in-words.cjs';
import { placeText } from '../../common/system-error.js';
import type { ListenPlan } from '../../options/settings.js';
import { FIRST_FD } from '../../protocol/protocol.cjs';
import type { Logger } from '../../types.js';
import type { ResolvedAddress } from './lookup.js';
import { type NotASocket, notASocket } from './not-a-socket.js';

/** An open descriptor; the fleet that takes it from the list owns it. */
export interface ActivatedSocket {
  readonly fd: Fd;
  /** From LISTEN_FDNAMES; `undefined` when the manager gave none. */
  readonly name: string | undefined;
  readonly socket: InspectedSocket;
  /** It is no socket, and nothing that is no socket is ever closed: it may be Node's own. */
  readonly fifo?: NotASocket;
}

interface Pool {
  readonly sockets: ActivatedSocket[];
  /** Fleets that are choosing. */
  users: number;
}

/** By environment object: there is one `process.env`, and tests have others. */
const pools = new WeakMap<NodeJS.ProcessEnv, Pool>();

/** LISTEN_PIDFDID is newer (systemd 258) and says the same as LISTEN_PID. */
const VARIABLES = ['LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PID', 'LISTEN_PIDFDID'];

export interface ActivationContext {
  readonly native: CommonAddon;
  readonly log: Logger;
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  /** Default: asks the kernel. */
  readonly notASocket?: (fd: Fd) => NotASocket | undefined;
}

/** What one fleet may choose from. */
export class Activation {
  readonly #pool: Pool;
  readonly #context: ActivationContext;
  #done = false;

  /**
   * Removes the variables from the environment, whatever process they were meant for.
   * @throws PreforkError `ERR_PREFORK_INHERITED_LISTENER` when a promised descriptor is not open, or cannot come from a service manager.
   */
  constructor(context: ActivationContext) {
    this.#context = context;
    const pool = pools.get(context.env) ?? { sockets: [], users: 0 };
    pool.sockets.push(...takeSockets(context));
    pools.set(context.env, pool);
    this.#pool = pool;
    pool.users++;
  }

  /**
   * The socket of that name, if the manager passed one. Several may share a name (one .socket unit with several
   * ListenStream= lines): then the one that fits best.
   * @throws PreforkError `ERR_PREFORK_INHERITED_LISTENER` when the name is right and the socket is not.
   */
  takeByName(plan: ListenPlan): ActivatedSocket | undefined {
    const named = this.#pool.sockets.filter((candidate) => candidate.name === plan.name);
    const fitting = named.filter((candidate) => misfit(candidate, plan) === undefined);
    const best = fitting.find(({ socket }) => hasPortOrPath(socket, plan)) ?? fitting[0] ?? named[0];
    if (best === undefined) return undefined;
    const problem = misfit(best, plan);
    if (problem === undefined) return this.#take(best);
    throw new PreforkError(
      'ERR_PREFORK_INHERITED_LISTENER',
      `Descriptor ${best.fd}, passed by the service manager (LISTEN_FDS) for the listener '${plan.name}', ${problem}; ` +
        'correct the socket unit or the name',
    );
  }

  /** The socket that is bound to the address of the plan. `addresses`: what its host means. Never for port 0. */
  takeByAddress(plan: ListenPlan, addresses: readonly ResolvedAddress[]): ActivatedSocket | undefined {
    const found = this.#pool.sockets.find(
      (candidate) =>
        misfit(candidate, plan) === undefined &&
        hasPortOrPath(candidate.socket, plan) &&
        (plan.kind === 'unix' || addresses.some(({ address }) => sameAddress(address, candidate.socket.address))),
    );
    return found === undefined ? undefined : this.#take(found);
  }

  /** This fleet has chosen. The last one closes what no fleet wanted. */
  done(): void {
    if (this.#done) return;
    this.#done = true;
    if (--this.#pool.users > 0) return;
    const { native, log } = this.#context;
    for (const unwanted of this.#pool.sockets.splice(0)) {
      const { fd, name, fifo } = unwanted;
      if (fifo === undefined) native.closeFd(fd);
      const called = name === undefined ? '' : ` ('${name}')`;
      log.warn(
        `descriptor ${fd}${called}, passed by the service manager (LISTEN_FDS), is ${describe(unwanted)}: ` +
          `no listener has that name or address, ${fifo === undefined ? 'closing it' : 'it is left open'}`,
      );
    }
  }

  #take(chosen: ActivatedSocket): ActivatedSocket {
    this.#pool.sockets.splice(this.#pool.sockets.indexOf(chosen), 1);
    return chosen;
  }
}

function takeSockets({ native, env, pid, log, notASocket: look = notASocket }: ActivationContext): ActivatedSocket[] {
  const { LISTEN_FDS: count = '', LISTEN_FDNAMES: names, LISTEN_PID: addressee } = env;
  for (const name of VARIABLES) delete env[name];
  if (addressee !== String(pid) || !/^[1-9]\d*$/.test(count)) return [];
  const list = names?.split(':') ?? [];
  if (names !== undefined && list.length !== Number(count)) {
    log.warn(`LISTEN_FDNAMES has ${list.length} names for ${count} descriptors (LISTEN_FDS): matching by address only`);
    list.length = 0;
  }
  const taken: ActivatedSocket[] = [];
  let fd = FIRST_FD;
  try {
    for (let index = 0; index < Number(count); index++) {
      fd = FIRST_FD + index;
      // The manager leaves it inheritable; no child that is not a worker may keep the port open.
      posix(native).setCloseOnExec(fd);
      const socket = native.inspectListener(fd);
      const other = socket.family === 'other' ? look(fd) : undefined;
      // Where the manager's descriptors end, Node's own begin: its epoll is the first, and without it the process aborts.
      if (other?.fifo === false) throw new Error(`descriptor ${fd} is ${other.what}, not a listening socket`);
      taken.push({ fd, name: list[index], socket, ...(other && { fifo: other }) });
    }
    return taken;
  } catch (cause) {
    for (const { fd, fifo } of taken) if (fifo === undefined) native.closeFd(fd);
    throw new PreforkError(
      'ERR_PREFORK_INHERITED_LISTENER',
      `LISTEN_FDS promises ${count} descriptors from ${FIRST_FD} up, but ${fd} cannot be used (${reasonOf(cause)}): ` +
        'start the master through the service manager itself, or unset LISTEN_PID',
      { cause },
    );
  }
}

/** Why the socket cannot serve the plan, whatever its address. */
function misfit(passed: ActivatedSocket, plan: ListenPlan): string | undefined {
  const wanted = plan.kind === 'unix' ? 'a unix socket' : plan.network === 'tcp' ? 'TCP' : plan.network;
  const families =
    plan.kind === 'unix' ? ['unix'] : { tcp: ['IPv4', 'IPv6'], tcp4: ['IPv4'], tcp6: ['IPv6'] }[plan.network];
  const { socket } = passed;
  const fits = socket.type === 'stream' && socket.listening && families.includes(socket.family);
  return fits ? undefined : `is ${describe(passed)}, not a listening socket for ${wanted}`;
}

function hasPortOrPath(socket: InspectedSocket, plan: ListenPlan): boolean {
  return plan.kind === 'unix' ? socket.address === plan.path : plan.port !== 0 && socket.port === plan.port;
}

function sameAddress(a: string, b: string): boolean {
  return a === b || (isIP(a) === 6 && isIP(b) === 6 && canonical(a) === canonical(b));
}

/** `0:0:0:0:0:0:0:1` is `::1`; the zone of a link-local address stays. */
function canonical(address: string): string {
  const [digits = '', zone = ''] = address.split('%', 2);
  return `${new SocketAddress({ address: digits, family: 'ipv6' }).address}%${zone}`;
}

/** For a message: what the descriptor turned out to be. */
function describe({ fifo, socket: { family, type, listening, address, port } }: ActivatedSocket): string {
  if (fifo !== undefined) return fifo.what;
  if (family === 'other') return 'no internet or unix socket';
  const place = port === undefined ? address : placeText(address, port);
  const kind =
    type === 'stream'
      ? `${listening ? 'a listening' : 'a stream socket that does not listen, '}`
      : 'no stream socket, ';
  const name = family === 'unix' ? 'unix' : family;
  return listening && type === 'stream' ? `${kind} ${name} socket on ${place}` : `${kind}${name} ${place}`.trimEnd();
}
