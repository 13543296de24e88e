/**
 * What the fleets of this process take of the sockets that other programs have opened for it.
 *
 * One process may hold several fleets that start at the same time. What the manager passed is therefore taken from the
 * environment once, offered to every fleet that is opening its listeners, and closed when the last of them is done.
 */

import { linux } from '../../addon/narrow.cjs';
import type { CommonAddon, Fd, InspectedSocket } from '../../addon/native.cjs';
import { PreforkError } from '../../common/errors.js';
import { DEFAULT_BACKLOG } from '../../options/listen.js';
import type { BoundPlan, InheritedPlan, ListenPlan } from '../../options/settings.js';
import { describe } from './describe-socket.js';
import { canServe, hasPortOrPath, misfit, sameAddress } from './fit.js';
import type { ResolvedAddress } from './lookup.js';
import type { Missed } from './meant-for.js';
import { type ActivatedSocket, type ActivationContext, takeSockets } from './passed-sockets.js';
import type { StoredName } from './stored-names.js';

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

/** What one fleet may choose from. */
export class Activation {
  readonly #pool: Pool;
  readonly #context: ActivationContext;
  #done = false;

  /** @throws what {@link takeSockets} throws. */
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

/** Its opener's, where the kernel reports it: a server of Node that listens changes it for all, and the worker restores it. */
function backlogOf(native: CommonAddon, fd: Fd): number {
  try {
    return linux(native).queueDepth(fd).limit;
  } catch {
    return DEFAULT_BACKLOG;
  }
}
