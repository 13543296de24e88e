/**
 * In the master of a hosted program: the addresses that its workers ask for. The master opens each once, for every worker and every generation,
 * and closes it when no worker uses it any more.
 */

import { reasonOf } from '../common/in-words.cjs';
import { type Log, showAddress } from '../common/log.js';
import { isSystemError, placeText } from '../common/system-error.js';
import { DEFAULT_BACKLOG } from '../options/listen.js';
import type { ListenPlan, Settings } from '../options/settings.js';
import type { WantedListener, WireListener, WorkerMessage } from '../protocol/protocol.cjs';
import { inheritedSockets } from '../system/layout.js';
import type { OpenListener } from '../system/open-listener.js';
import type { OpeningOptions, ReplyResult, System } from '../system/system.js';
import { Answers } from './answers.js';
import { isFor, keyOf, reaches, storedKeyOf } from './wanted-address.js';

/** Every address is a descriptor of the master, and of each worker. A program that asks for more is at fault. */
const MOST = 256;

type Asked = Extract<WorkerMessage, { type: 'wants-listener' | 'released-listener' }>;

/** A worker that asks: a `WorkerHandle` is one. */
export interface Asking {
  readonly place: { readonly slot: number; readonly generation: number };
  readonly state: string;
  /** Settles when the process is reaped. */
  readonly gone: Promise<void>;
  reply(id: number, text: string, fds: readonly number[]): ReplyResult;
  lease(listener: OpenListener): OpenListener;
}

/** Whose the file of a unix socket is to be. */
type Owner = Pick<Settings['launch'], 'uid' | 'gid'>;

export interface AddressesContext<Worker> {
  readonly settings: Pick<Settings, 'sharing'> & { readonly launch: Owner };
  readonly system: Pick<System, 'openListeners' | 'after'>;
  readonly log: Log;
  /** Of the fleet: this class adds and removes. What is there at first becomes one of them when a worker asks for it. */
  readonly listeners: OpenListener[];
  /**
   * Workers will get it, by this number.
   * @throws what keeps them from it.
   */
  prepare?(listener: OpenListener, index: number): void;
  /** A worker has got it. */
  used?(worker: Worker, listener: OpenListener): void;
  /** The worker has closed its server. */
  unused?(worker: Worker, listener: OpenListener): void;
  readonly keptFor?: OpeningOptions['keptFor'];
  /** Every worker inherits what is there at first, and serves it: those stay as they are. */
  readonly inherited?: boolean;
  /** Workers will accept from it. */
  opened(listener: OpenListener): void;
  /** No worker will, any more. */
  closing(listener: OpenListener): void;
  ending(): boolean;
}

interface Address<Worker> {
  readonly index: number;
  /** By which workers asked for it. */
  readonly keys: Set<string>;
  readonly listener: Promise<OpenListener>;
  open: OpenListener | undefined;
  readonly users: Set<Worker>;
  /** Its last worker has died, and clients may wait in its queue. */
  orphaned: boolean;
  /** It was open before any worker asked: it stays so, also while no worker accepts from it. */
  readonly given: boolean;
}

export class Addresses<Worker extends Asking = Asking> {
  readonly #context: AddressesContext<Worker>;
  readonly #addresses = new Set<Address<Worker>>();
  /** Failures that the log has already: every worker of a generation meets the same one. */
  readonly #failed = new Set<string>();
  /** For names. */
  #count: number;
  readonly #answers: Answers;
  /** Made for the first server of TLS. */
  #ticketKeys: Promise<string> | undefined;

  constructor(context: AddressesContext<Worker>) {
    this.#context = context;
    this.#answers = new Answers(context.system);
    this.#count = context.listeners.length;
    const given = context.inherited === true ? context.listeners : context.listeners.splice(0);
    for (const [index, open] of given.entries()) {
      this.#addresses.add({
        index,
        keys: new Set(),
        listener: Promise.resolve(open),
        open,
        users: new Set(),
        given: true,
        orphaned: false,
      });
    }
  }

  hear(handle: Worker, message: Asked): void {
    if (message.type === 'wants-listener') void this.#give(handle, message.id, message.want);
    else this.#released(handle, message.name);
  }

  async #give(handle: Worker, id: number, want: WantedListener): Promise<void> {
    const { log, ending } = this.#context;
    const send = (text: string, fds: readonly number[]) => handle.reply(id, text, fds);
    const address = this.#find(want) ?? this.#open(want);
    address.users.add(handle);
    void handle.gone.then(() => {
      if (address.users.delete(handle) && address.users.size === 0) address.orphaned = true;
    });
    try {
      if (address.given) this.#serveGiven(address);
      const listener = await address.listener;
      if (handle.state === 'exited') return;
      const { wires, files } = inheritedSockets([handle.lease(listener)], handle.place.slot);
      const fds = files.map(({ fd }) => fd);
      if (want.secure) this.#ticketKeys ??= newTicketKeys();
      const keys = want.secure && { ticketKeys: await (this.#ticketKeys as Promise<string>) };
      const numbered = listener.shards !== undefined && { index: address.index };
      const reply = { listener: { ...(wires[0] as WireListener), ...numbered }, ...keys };
      const stands = () => !ending() && this.#addresses.has(address);
      if (await this.#answers.give(send, reply, listener, fds, stands)) this.#context.used?.(handle, listener);
    } catch (error) {
      // What could not be opened is logged already.
      if (address.open !== undefined && !ending())
        log.error(`worker ${handle.place.slot} is not given ${showAddress(address.open.address)}: ${reasonOf(error)}`, {
          event: 'listen',
          error,
        });
      await this.#answers.refuse(send, error, () => !ending());
    }
  }

  /** The same address may have been asked for as any free port, and by its number. */
  #find(want: WantedListener): Address<Worker> | undefined {
    const key = keyOf(want);
    const all = [...this.#addresses];
    const found =
      all.find(({ keys }) => keys.has(key)) ??
      all.find(({ open }) => open !== undefined && isFor(open, want)) ??
      all.find(({ open, given }) => given && open !== undefined && reaches(open, want));
    found?.keys.add(key);
    return found;
  }

  #open(want: WantedListener): Address<Worker> {
    const { log, settings } = this.#context;
    const key = keyOf(want);
    const index = this.#count++;
    const address: Address<Worker> = {
      index,
      keys: new Set([key]),
      listener: this.#bind(want, index),
      open: undefined,
      users: new Set(),
      given: false,
      orphaned: false,
    };
    this.#addresses.add(address);
    address.listener.then(
      (listener) => {
        address.open = listener;
        this.#failed.delete(key);
        this.#serve(listener);
      },
      (error: unknown) => {
        this.#addresses.delete(address);
        if (this.#failed.has(key)) return;
        this.#failed.add(key);
        const who = settings.launch.uid === undefined ? '' : ' (the master binds, as its own user)';
        const why = this.#besideGiven(want, error) ?? reasonOf(error);
        log.error(`the program cannot listen${who}: ${why}`, { event: 'listen', error });
      },
    );
    return address;
  }

  #serveGiven({ open, index }: Address<Worker>): void {
    const { listeners, prepare } = this.#context;
    if (open === undefined || listeners.includes(open)) return;
    prepare?.(open, index);
    this.#serve(open);
  }

  /** Workers accept from it: it is one of the fleet. Does nothing for one that is. */
  #serve(listener: OpenListener): void {
    const { listeners, log, opened } = this.#context;
    if (listeners.includes(listener)) return;
    listeners.push(listener);
    try {
      opened(listener);
    } catch (error) {
      log.warn(`${showAddress(listener.address)}: connections that wait there are not watched: ${reasonOf(error)}`, {
        error,
      });
    }
  }

  /** Of an address that is in use: why, when a socket that was open before the program has the port. */
  #besideGiven(want: WantedListener, error: unknown): string | undefined {
    if (want.kind === 'unix' || !isSystemError(error) || error.code !== 'EADDRINUSE') return undefined;
    const other = [...this.#addresses].find(({ given, open }) => given && open?.address.port === want.port)?.open;
    if (other === undefined) return undefined;
    const { host = '::', port } = want;
    return (
      `${placeText(host, port)} is in use by ${showAddress(other.address)}, which was open before the program: ` +
      'make both the same address, in the program or where the socket is opened (ListenStream=, --listen)'
    );
  }

  async #bind(want: WantedListener, index: number): Promise<OpenListener> {
    const { settings, system, log, ending, listeners, prepare, keptFor } = this.#context;
    if (ending()) throw new Error('the fleet stops');
    if (listeners.length >= MOST) {
      throw new Error(
        `the program asks for more than ${MOST} addresses: it has to close servers that it needs no more`,
      );
    }
    const plan = planOf(want, String(index), settings.launch);
    const [listener] = await system.openListeners([plan], settings.sharing, 1, log, { keptFor, moreLater: true });
    if (listener === undefined) throw new Error('the system opened nothing');
    try {
      if (ending()) throw new Error('the fleet stops');
      prepare?.(listener, index);
      return listener;
    } catch (error) {
      listener.close();
      throw error;
    }
  }

  /** The program has closed its server. A worker that died has closed nothing: its successor asks again. */
  #released(handle: Worker, name: string): void {
    for (const address of this.#addresses) {
      if (address.open?.address.name !== name || !address.users.delete(handle)) continue;
      this.#context.unused?.(handle, address.open);
      // It boots, and may only have looked whether the port is free: it is to serve those that wait.
      if (address.orphaned && handle.state === 'starting') continue;
      if (address.users.size === 0 && !this.#context.ending()) this.#close(address);
    }
  }

  #close(address: Address<Worker>): void {
    const { open, given } = address;
    // One that watches over its own sockets has them watched until it is closed.
    const { listeners, closing, inherited } = this.#context;
    if (open === undefined || (given && (inherited === true || open.watchBy !== undefined))) return;
    const at = listeners.indexOf(open);
    if (at === -1) return;
    listeners.splice(at, 1);
    closing(open);
    if (given) {
      this.#unserved(open);
      return;
    }
    this.#addresses.delete(address);
    open.close();
  }

  #unserved({ address }: OpenListener): void {
    this.#context.log.warn(
      `the program does not listen on ${showAddress(address)}, which was open before it: clients wait there, and the socket stays open`,
      { event: 'listen' },
    );
  }

  /** All workers of the first start serve. */
  ready(): void {
    const { listeners } = this.#context;
    for (const { open, given } of this.#addresses) {
      if (given && open !== undefined && !listeners.includes(open)) this.#unserved(open);
    }
  }

  /** The fleet is over. Closes what it has not served; the rest is the fleet's to close. */
  over(): void {
    for (const { open, given } of this.#addresses) if (given) open?.close();
  }

  /** What no worker has any more. */
  closeUnused(): void {
    for (const address of this.#addresses) if (address.users.size === 0) this.#close(address);
  }

  /** The worker goes on, without what it has asked for. */
  forget(handle: Worker): void {
    for (const { users } of this.#addresses) users.delete(handle);
  }

  /** A reload is over, and every slot is served by workers of the generation: what none of them has asked for is closed. */
  reloaded(generation: number): void {
    for (const address of this.#addresses) {
      const { open, given } = address;
      if (open === undefined || usedBy(address, (place) => place.generation >= generation)) continue;
      if (!given) {
        this.#context.log.info(`${showAddress(open.address)} is closed: no new worker listens there`, {
          event: 'listen',
        });
      }
      this.#close(address);
    }
  }

  /** Whether a worker accepts from a queue that no newer one has. */
  abandonedBy(handle: Worker): boolean {
    const { generation } = handle.place;
    return [...this.#addresses].some(
      (address) => address.users.has(handle) && !usedBy(address, (place) => place.generation > generation),
    );
  }
}

/** As tls.Server.setTicketKeys() takes them. Loaded late: node:crypto is dear. */
async function newTicketKeys(): Promise<string> {
  const { randomBytes } = await import('node:crypto');
  return randomBytes(48).toString('hex');
}

function usedBy({ users }: Pick<Address<Asking>, 'users'>, fits: (place: Asking['place']) => boolean): boolean {
  return [...users].some((handle) => fits(handle.place));
}

function planOf(want: WantedListener, name: string, { uid, gid }: Owner): ListenPlan {
  const backlog = want.backlog ?? DEFAULT_BACKLOG;
  const storedAs = storedKeyOf(want);
  if (want.kind === 'unix')
    return { kind: 'unix', name, storedAs, path: want.path, mode: undefined, owner: uid, group: gid, backlog };
  const { host, port, ipv6Only } = want;
  return { kind: 'tcp', name, storedAs, host, port, network: 'tcp', ipv6Only, backlog };
}
