/**
 * In the master of a hosted program: the addresses that its workers ask for. The master opens each once, for every worker and every generation,
 * and closes it when no worker uses it any more.
 */

import { reasonOf } from '../../common/in-words.cjs';
import { showAddress } from '../../common/log.js';
import type { WantedListener, WireListener, WorkerMessage } from '../../protocol/protocol.cjs';
import { inheritedSockets } from '../../system/layout.js';
import type { OpenListener } from '../../system/open-listener.js';
import type { System } from '../../system/system.js';
import { Address, type Asking } from './address.js';
import { Answers } from './answers.js';
import { Binder, type BinderContext } from './binder.js';
import { isFor, keyOf, reaches } from './wanted-address.js';

type Asked = Extract<WorkerMessage, { type: 'wants-listener' | 'released-listener' }>;

export interface AddressesContext<Worker> extends BinderContext {
  readonly system: Pick<System, 'openListeners' | 'after'>;
  /** Of the fleet: this class adds and removes. What is there at first becomes one of them when a worker asks for it. */
  readonly listeners: OpenListener[];
  /** A worker has got it. */
  used?(worker: Worker, listener: OpenListener): void;
  /** The worker has closed its server. */
  unused?(worker: Worker, listener: OpenListener): void;
  /** Every worker inherits what is there at first, and serves it: those stay as they are. */
  readonly inherited?: boolean;
  /** Workers will accept from it. */
  opened(listener: OpenListener): void;
  /** No worker will, any more. */
  closing(listener: OpenListener): void;
}

export class Addresses<Worker extends Asking = Asking> {
  readonly #context: AddressesContext<Worker>;
  readonly #addresses: Set<Address<Worker>>;
  readonly #binder: Binder;
  readonly #answers: Answers;
  /** For names. */
  #count: number;
  #closed = false;
  /** Made for the first server of TLS. */
  #ticketKeys: Promise<string> | undefined;

  constructor(context: AddressesContext<Worker>) {
    this.#context = context;
    this.#answers = new Answers(context.system);
    this.#count = context.listeners.length;
    const given = context.inherited === true ? [...context.listeners] : context.listeners.splice(0);
    this.#binder = new Binder(context, given);
    this.#addresses = new Set(given.map((open, index) => new Address(index, Promise.resolve(open), open)));
  }

  hear(handle: Worker, message: Asked): void {
    if (message.type === 'wants-listener') void this.#give(handle, message.id, message.want);
    else this.#released(handle, message.name);
  }

  async #give(handle: Worker, id: number, want: WantedListener): Promise<void> {
    const { log, ending } = this.#context;
    const reply = (text: string, fds: readonly number[]) => handle.reply(id, text, fds);
    const give = (text: string, fds: readonly number[]) => {
      this.#mustBeOpen();
      return reply(text, fds);
    };
    const address = this.#find(want) ?? this.#open(want);
    address.use(handle);
    try {
      this.#mustBeOpen();
      if (address.given) this.#serveGiven(address);
      const listener = await address.listener;
      if (handle.state === 'exited') return;
      this.#mustBeOpen();
      const { wires, files } = inheritedSockets([handle.lease(listener)], handle.place.slot);
      const fds = files.map(({ fd }) => fd);
      if (want.secure) this.#ticketKeys ??= newTicketKeys();
      const keys = want.secure && { ticketKeys: await (this.#ticketKeys as Promise<string>) };
      const numbered = listener.shards !== undefined && { index: address.index };
      const answer = { listener: { ...(wires[0] as WireListener), ...numbered }, ...keys };
      const stands = () => !ending() && this.#addresses.has(address);
      if (await this.#answers.give(give, answer, listener, fds, stands)) this.#context.used?.(handle, listener);
    } catch (error) {
      // What could not be opened is logged already.
      if (address.open !== undefined && !ending())
        log.error(`worker ${handle.place.slot} is not given ${showAddress(address.open.address)}: ${reasonOf(error)}`, {
          event: 'listen',
          error,
        });
      await this.#answers.refuse(reply, error, () => !ending());
    }
  }

  /**
   * What is closed is neither leased, which would bind a unix path again, nor named: a worker binds for itself what is not shared.
   * @throws what the worker is told.
   */
  #mustBeOpen(): void {
    if (this.#closed) throw new Error('the fleet stops');
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
    const index = this.#count++;
    const address = new Address<Worker>(index, this.#binder.bind(want, index));
    address.keys.add(keyOf(want));
    this.#addresses.add(address);
    address.listener.then(
      (listener) => this.#serve(listener),
      () => this.#addresses.delete(address),
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

  /** The program has closed its server. A worker that died has closed nothing: its successor asks again. */
  #released(handle: Worker, name: string): void {
    for (const address of this.#addresses) {
      if (address.open?.address.name !== name || !address.leave(handle)) continue;
      this.#context.unused?.(handle, address.open);
      // It boots, and may only have looked whether the port is free: it is to serve those that wait.
      if (address.orphaned && handle.state === 'starting') continue;
      if (address.unused && !this.#context.ending()) this.#close(address);
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

  /**
   * The fleet stops, and its sockets are closed: their numbers may belong to other files. A worker that boots yet is given none. What no
   * worker has asked for is closed as well, as its clients would wait in vain. May be called again.
   */
  closed(): void {
    this.#closed = true;
    for (const { open, given } of this.#addresses) if (given && open?.foreign !== true) open?.close();
  }

  /** The fleet is over. Closes what it has not served; the rest is the fleet's to close. */
  over(): void {
    for (const { open, given } of this.#addresses) if (given) open?.close();
  }

  /** What no worker has any more. */
  closeUnused(): void {
    for (const address of this.#addresses) if (address.unused) this.#close(address);
  }

  /** The worker goes on, without what it has asked for. */
  forget(handle: Worker): void {
    for (const address of this.#addresses) address.leave(handle);
  }

  /** A reload is over, and every slot is served by workers of the generation: what none of them has asked for is closed. */
  reloaded(generation: number): void {
    for (const address of this.#addresses) {
      const { open, given } = address;
      if (open === undefined || address.isUsedIn((place) => place.generation >= generation)) continue;
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
      (address) => address.isUsedBy(handle) && !address.isUsedIn((place) => place.generation > generation),
    );
  }
}

/** As tls.Server.setTicketKeys() takes them. Loaded late: node:crypto is dear. */
async function newTicketKeys(): Promise<string> {
  const { randomBytes } = await import('node:crypto');
  return randomBytes(48).toString('hex');
}
