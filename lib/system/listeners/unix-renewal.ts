/**
 * A unix socket's file can be taken away: removed by a cleaner or a deploy, replaced by another program. Connected clients notice
 * nothing, and no new one can connect. The master looks before every start of a worker, and binds the path again:
 *
 *     master: bind under a temporary name    spawn worker ............ rename to the path     close its copy of the old socket
 *     new worker:                                   boots, is ready                            accepts
 *     old workers:  accept from the old socket, whose queue no other worker has, until they drain
 *
 * Not before a worker can accept there: until then clients had better be refused. Workers of before keep the old socket; a reload
 * replaces them all.
 */

import { lstatSync } from 'node:fs';
import { reasonOf } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import type { Lease, OpenListener, SocketWatch } from '../open-listener.js';
import type { BoundUnix, UnixSocket } from './unix-socket.js';

type Described = Pick<OpenListener, 'address' | 'wire'>;

/** The same line is not repeated for so many milliseconds in a generation: a reload looks once for every worker. */
const REPEAT = 60_000;

/** A socket, and how many workers have it or are about to. */
interface Held extends BoundUnix {
  users: number;
}

export class UnixRenewal {
  readonly #socket: UnixSocket;
  readonly #listener: Described;
  readonly #say: Say;
  #current: Held;
  /** Bound, and waiting for a worker that serves. */
  #next: Held | undefined;
  /** What was the one of the path, and is some worker's still. */
  readonly #former = new Set<Held>();

  readonly #watches: SocketWatch[] = [];

  constructor(socket: UnixSocket, listener: Described, log: Log) {
    this.#socket = socket;
    this.#listener = listener;
    this.#say = new Say(listener, log);
    this.#current = { fd: socket.fd, boundAs: socket.boundAs, users: 0 };
  }

  get fd(): number {
    return this.#current.fd;
  }

  /** What a worker that is about to be started gets. Never throws: without a new socket it gets the old one. */
  lease(generation: number): Lease {
    this.#say.generation = generation;
    this.#look();
    const held = this.#next ?? this.#current;
    const { address, wire } = this.#listener;
    held.users++;
    return {
      listener: { address, fd: held.fd, wire: { ...wire, boundAs: held.boundAs }, close: () => {} },
      serves: () => this.#serves(held),
      superseded: () => this.#former.has(held),
      release: () => {
        held.users--;
        if (held.users > 0) return;
        if (held === this.#next) this.#next = undefined;
        else if (!this.#former.delete(held)) return;
        this.#discard(held);
      },
    };
  }

  watchBy(watch: SocketWatch): void {
    watch.add(this.#current.fd);
    this.#watches.push(watch);
  }

  /** Closes all of it. Throws what {@link UnixSocket.close} does. */
  close(): void {
    if (this.#next !== undefined) this.#former.add(this.#next);
    this.#next = undefined;
    for (const held of this.#former) this.#discard(held);
    this.#former.clear();
    this.#unwatch(this.#current.fd);
    this.#socket.close();
  }

  #look(): void {
    let missing: string | undefined;
    try {
      missing = this.#socket.missing();
      const locked = this.#socket.relock();
      if (missing === undefined || this.#next !== undefined) return;
      if (!locked) throw new Error('another master holds its lock file');
      this.#next = { ...this.#socket.another(), users: 0 };
      this.#say.warn(
        `${missing}: no client reaches the fleet there. It is bound again for the workers that start from now on`,
      );
    } catch (error) {
      const trouble =
        missing === undefined
          ? 'cannot be looked after, so a second master may take it:'
          : `${missing}: no client reaches the fleet there, and it cannot be bound again before that is put right and the fleet reloaded:`;
      this.#say.warn(`${trouble} ${reasonOf(error)}`);
    }
  }

  #serves(held: Held): void {
    if (held !== this.#next) return;
    this.#next = undefined;
    try {
      this.#socket.publish(held);
    } catch (error) {
      this.#former.add(held);
      this.#say.warn(`cannot be bound again, the next reload tries it: ${reasonOf(error)}`);
      return;
    }
    const before = this.#current;
    this.#current = held;
    try {
      for (const watch of this.#watches) watch.add(held.fd);
    } catch (error) {
      this.#say.warn(`a connection may wait for one worker although others are idle: ${reasonOf(error)}`);
    }
    this.#say.news(
      'is bound again; workers that were started before accept from the old socket, which no client reaches',
    );
    if (before.users > 0) this.#former.add(before);
    else this.#discard(before);
  }

  #unwatch(fd: number): void {
    for (const watch of this.#watches) watch.remove(fd);
  }

  #discard(held: Held): void {
    try {
      this.#unwatch(held.fd);
      this.#socket.discard(held);
    } catch (error) {
      this.#say.warn(`closing the old socket failed: ${reasonOf(error)}`);
    }
  }
}

/** The file of a unix socket of the service manager: not ours to bind, but ours to miss. */
export function missActivated(listener: OpenListener, log: Log): (generation: number) => Lease {
  const say = new Say(listener, log);
  const fileOf = () => lstatSync(listener.address.address, { throwIfNoEntry: false });
  let own: ReturnType<typeof fileOf>;
  const look = (): void => {
    try {
      const found = fileOf();
      own ??= found;
      if (own === undefined || (found?.dev === own.dev && found.ino === own.ino)) return;
      const how = found === undefined ? 'is gone' : 'was replaced by another file';
      say.warn(`${how}: no client reaches the fleet there. It is the service manager's: restart its socket unit`);
    } catch (error) {
      say.warn(`cannot be looked at: ${reasonOf(error)}`);
    }
  };
  look();
  return (generation) => {
    say.generation = generation;
    look();
    return { listener, serves: () => {}, superseded: () => false, release: () => {} };
  };
}

/** One line for what every start of a worker finds again. */
class Say {
  readonly #log: Log;
  /** Name and path. */
  readonly #what: string;
  #last: { readonly generation: number; readonly text: string; readonly at: number } | undefined;
  /** Of the worker that is started. */
  generation = 0;

  constructor({ address: { name, address } }: Pick<OpenListener, 'address'>, log: Log) {
    this.#log = log;
    this.#what = `listener '${name}': ${address}`;
  }

  warn(text: string): void {
    const now = process.uptime() * 1_000;
    const { generation } = this;
    const last = this.#last;
    if (last?.text === text && last.generation === generation && now - last.at < REPEAT) return;
    this.#last = { generation, text, at: now };
    this.#log.warn(`${this.#what} ${text}`, { event: 'listen' });
  }

  news(text: string): void {
    this.#last = undefined;
    this.#log.info(`${this.#what} ${text}`, { event: 'listen' });
  }
}
