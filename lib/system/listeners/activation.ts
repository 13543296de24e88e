/**
 * Sockets that the service manager opened for this master: the LISTEN_FDS protocol of sd_listen_fds(3), and SERVER_STARTER_PORT of Perl's
 * Server::Starter.
 *
 * One process may hold several fleets that start at the same time. What the manager passed is therefore taken from the
 * environment once, offered to every fleet that is opening its listeners, and closed when the last of them is done.
 */

import { isIP, SocketAddress } from 'node:net';
import { linux, posix } from '../../addon/narrow.cjs';
import type { CommonAddon, Fd, InspectedSocket } from '../../addon/native.cjs';
import { PreforkError, show } from '../../common/errors.js';
import { reasonOf } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import { DEFAULT_BACKLOG } from '../../options/listen.js';
import type { BoundPlan, InheritedPlan, ListenPlan } from '../../options/settings.js';
import { FIRST_FD } from '../../protocol/protocol.cjs';
import { describe } from './describe-socket.js';
import { GIVEN_BY } from './given-by.js';
import type { ResolvedAddress } from './lookup.js';
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

interface Pool {
  readonly sockets: ActivatedSocket[];
  /**
   * Whose sockets they were, when this process was not the one that the service manager meant. Never cleared: the manager holds them for as
   * long as the service runs, and a fleet that starts later meets them as well.
   */
  missed?: Missed | undefined;
  /** Fleets that are choosing. */
  users: number;
  /** Those that may want what earlier masters had kept for them later. */
  readonly undecided: Set<string>;
}

/** By environment object: there is one `process.env`, and tests have others. */
const pools = new WeakMap<NodeJS.ProcessEnv, Pool>();

export interface ActivationContext {
  readonly native: CommonAddon;
  readonly log: Log;
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
    const pool = pools.get(context.env) ?? { sockets: [], users: 0, undecided: new Set() };
    const { sockets, missed } = takeSockets(context);
    pool.sockets.push(...sockets);
    pool.missed ??= missed;
    pools.set(context.env, pool);
    this.#pool = pool;
    pool.users++;
  }

  /** Of an address that is in use: why that may be, when a wrapper was given the sockets. */
  get missed(): string | undefined {
    return this.#pool.missed?.words;
  }

  /** Every address of the fleet could be opened: the wrapper's socket is another one, which no process of the service serves. */
  opened(): void {
    const { missed } = this.#pool;
    if (missed === undefined || !missed.isWrapper || missed.said) return;
    missed.said = true;
    this.#context.log.warn(missed.words, { event: 'listen' });
  }

  /** The socket of a plan that names the descriptor itself. */
  takeByNumber(fd: Fd): ActivatedSocket | undefined {
    const found = this.#pool.sockets.find((candidate) => candidate.fd === fd);
    return found === undefined ? undefined : this.#take(found);
  }

  /**
   * The socket of that name, if the manager passed one. Several may share a name (one .socket unit with several
   * ListenStream= lines): then the one that fits best.
   * @throws PreforkError `ERR_PREFORK_INHERITED_LISTENER` when the name is right and the socket is not.
   */
  takeByName(plan: BoundPlan): ActivatedSocket | undefined {
    const named = this.#pool.sockets.filter((candidate) => candidate.name === plan.name && !candidate.stored);
    const fitting = named.filter((candidate) => misfit(candidate, plan) === undefined);
    const best = fitting.find(({ socket }) => hasPortOrPath(socket, plan)) ?? fitting[0] ?? named[0];
    if (best === undefined) return undefined;
    const problem = misfit(best, plan);
    if (problem === undefined) return this.#take(best);
    throw new PreforkError(
      'ERR_PREFORK_INHERITED_LISTENER',
      `Descriptor ${best.fd}, passed by ${best.by.who} (${best.by.variable}) for the listener '${plan.name}', ${problem}; ` +
        'correct the socket unit or the name',
    );
  }

  /** The socket that is bound to the address of the plan. `addresses`: what its host means. Never for port 0. */
  takeByAddress(plan: BoundPlan, addresses: readonly ResolvedAddress[]): ActivatedSocket | undefined {
    const found = this.#pool.sockets.find(
      (candidate) =>
        candidate.stored === undefined &&
        misfit(candidate, plan) === undefined &&
        hasPortOrPath(candidate.socket, plan) &&
        (plan.kind === 'unix' || addresses.some(({ address }) => sameAddress(address, candidate.socket.address))),
    );
    return found === undefined ? undefined : this.#take(found);
  }

  /** Every listening socket that is left, for a program that asks for addresses later. `plans`: of the other listeners. */
  takeRest(
    plans: readonly ListenPlan[],
  ): readonly { readonly plan: InheritedPlan; readonly socket: ActivatedSocket }[] {
    const taken = new Set(plans.map(({ name }) => name));
    const rest = this.#pool.sockets.filter((socket) => canServe(socket) && socket.stored === undefined);
    return rest.map((socket) => {
      const { fd, name: given } = this.#take(socket);
      // A number is the name of a listener that has none.
      const name = given === undefined || /^\d+$/.test(given) || taken.has(given) ? `fd${fd}` : given;
      taken.add(name);
      return { plan: { kind: 'inherited', name, fd, backlog: backlogOf(this.#context.native, fd) }, socket };
    });
  }

  /** The first of the sockets that earlier masters had kept which fits. */
  takeKept(plan: BoundPlan, fits: (kept: StoredName, socket: InspectedSocket) => boolean): ActivatedSocket | undefined {
    const found = this.#pool.sockets.find(
      (candidate) =>
        candidate.stored !== undefined &&
        misfit(candidate, plan) === undefined &&
        fits(candidate.stored, candidate.socket),
    );
    return found === undefined ? undefined : this.#take(found);
  }

  /** What was kept for a fleet, and this one has not taken, stays open until {@link dismissKept}. */
  leaveKept(fleet: string): void {
    this.#pool.undecided.add(fleet);
  }

  /**
   * What was kept for a fleet that wants it no more: while it listens, no other socket gets its address.
   * @param which Default: all of it.
   * @returns whether there was any.
   */
  dismissKept(fleet: string, which?: (kept: StoredName, socket: InspectedSocket) => boolean): boolean {
    if (which === undefined) this.#pool.undecided.delete(fleet);
    const unwanted = this.#pool.sockets.filter(
      ({ stored, socket }) => stored?.fleet === fleet && (which === undefined || which(stored, socket)),
    );
    for (const kept of unwanted) this.#close(this.#take(kept));
    return unwanted.length > 0;
  }

  /** This fleet has chosen. The last one closes the listening sockets that no fleet wanted. */
  done(): void {
    if (this.#done) return;
    this.#done = true;
    const { sockets, users, undecided } = this.#pool;
    this.#pool.users = users - 1;
    if (users > 1) return;
    const unwanted = sockets.filter(({ stored }) => stored === undefined || !undecided.has(stored.fleet));
    for (const socket of unwanted) this.#close(this.#take(socket));
  }

  #close(unwanted: ActivatedSocket): void {
    const { native, log } = this.#context;
    const { fd, by, name, stored } = unwanted;
    const listens = canServe(unwanted);
    // What earlier masters had kept is this one's, also if they had dismissed it already.
    const closes = listens || (stored !== undefined && unwanted.socket.family !== 'other');
    if (stored !== undefined && listens) {
      linux(native).dismissListener(fd);
      log.info(`what an earlier master had kept is closed: ${describe(unwanted)}, which no listener wants`, {
        event: 'listen',
      });
    }
    if (closes) native.closeFd(fd);
    if (stored !== undefined) return;
    const called = name === undefined ? '' : ` ('${name}')`;
    log.warn(
      `descriptor ${fd}${called}, passed by ${by.who} (${by.variable}), is ${describe(unwanted)}: ` +
        `no listener has that name or address, ${closes ? 'closing it' : 'it is left open'}`,
      { event: 'listen' },
    );
  }

  #take(chosen: ActivatedSocket): ActivatedSocket {
    this.#pool.sockets.splice(this.#pool.sockets.indexOf(chosen), 1);
    return chosen;
  }
}

interface Taken {
  readonly sockets: readonly ActivatedSocket[];
  readonly missed?: Missed | undefined;
}

function takeSockets(context: ActivationContext): Taken {
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

/** Its opener's, where the kernel reports it: a server of Node that listens changes it for all, and the worker restores it. */
function backlogOf(native: CommonAddon, fd: Fd): number {
  try {
    return linux(native).queueDepth(fd).limit;
  } catch {
    return DEFAULT_BACKLOG;
  }
}

/** Nothing else is ever closed: it may be Node's own, or is for another part of the program. */
function canServe({ socket: { type, listening, family } }: Pick<ActivatedSocket, 'socket'>): boolean {
  return type === 'stream' && listening && family !== 'other';
}

/** Why the socket cannot serve the plan, whatever its address. */
function misfit(passed: ActivatedSocket, plan: BoundPlan): string | undefined {
  const wanted = plan.kind === 'unix' ? 'a unix socket' : plan.network === 'tcp' ? 'TCP' : plan.network;
  const families =
    plan.kind === 'unix' ? ['unix'] : { tcp: ['IPv4', 'IPv6'], tcp4: ['IPv4'], tcp6: ['IPv6'] }[plan.network];
  const { socket } = passed;
  const fits = canServe(passed) && families.includes(socket.family);
  return fits ? undefined : `is ${describe(passed)}, not a listening socket for ${wanted}`;
}

function hasPortOrPath(socket: InspectedSocket, plan: BoundPlan): boolean {
  return plan.kind === 'unix' ? socket.address === plan.path : plan.port !== 0 && socket.port === plan.port;
}

/** As two systems may write it. */
export function sameAddress(a: string, b: string): boolean {
  return a === b || (isIP(a) === 6 && isIP(b) === 6 && canonical(a) === canonical(b));
}

/** `0:0:0:0:0:0:0:1` is `::1`; the zone of a link-local address stays. */
function canonical(address: string): string {
  const [digits = '', zone = ''] = address.split('%', 2);
  return `${new SocketAddress({ address: digits, family: 'ipv6' }).address}%${zone}`;
}
