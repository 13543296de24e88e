/**
 * The service manager keeps a copy of every listener (FDSTORE of sd_notify(3)), from before the first worker until the fleet stops. When the
 * master dies in any other way, the queues live on in these copies, and the next master finds them among LISTEN_FDS.
 */

import { reasonOf } from '../../common/in-words.cjs';
import type { OpenListener } from '../../system/open-listener.js';
import { storedName, storedPrefix } from '../../system/stored-name.js';
import type { Timer } from '../../system/system.js';
import type { FleetView } from './fleet-view.js';
import type { NoticeOutbox } from './outbox.js';

/** What the manager keeps for this process. */
export interface Store {
  /** Names of what earlier masters had stored. */
  readonly found: Set<string>;
  /** How many descriptors it keeps, if it says so. */
  readonly most: number;
  used: number;
  warned?: boolean;
}

/** The manager is to keep it no more. */
export function forget(store: Store, outbox: Pick<NoticeOutbox, 'send'>, name: string): void {
  store.found.delete(name);
  store.used--;
  outbox.send(['FDSTOREREMOVE=1', `FDNAME=${name}`]);
}

export type KeptBy = Pick<FleetView, 'settings' | 'system' | 'log'>;

export class KeptListeners {
  readonly #fleet: KeptBy;
  readonly #outbox: Pick<NoticeOutbox, 'send' | 'forget'>;
  readonly #store: Store;
  /** By descriptor: the name under which the manager keeps it. */
  readonly #names = new Map<number, string>();
  /** Until what workers have not asked for is closed. */
  #patience: Timer | undefined;
  #over = false;

  /** @param store Shared by the fleets of this process. */
  constructor(fleet: KeptBy, outbox: Pick<NoticeOutbox, 'send' | 'forget'>, store: Store) {
    this.#fleet = fleet;
    this.#outbox = outbox;
    this.#store = store;
  }

  /** All listeners of the start are open: what was kept for the fleet beside them is not wanted any more, unless workers ask for it. */
  began(listeners: readonly OpenListener[]): void {
    const adopted = new Set(listeners.flatMap((listener) => this.#adopted(listener)));
    if (!this.#asks) for (const name of this.#left()) if (!adopted.has(name)) this.#forget(name);
    for (const listener of listeners) this.opened(listener);
  }

  /** Every worker of the first start serves; a server of the program may still listen late, as late as a worker may become ready. */
  ready(): void {
    if (this.#patience !== undefined || this.#over || this.#left().length === 0) return;
    const { settings, system } = this.#fleet;
    this.#patience = system.after(settings.readyTimeout, () => this.#dismiss());
  }

  /** Whether the name is one that workers may still ask for. */
  awaits(name: string): boolean {
    return this.#asks && !this.#over && this.#left().includes(name);
  }

  opened(listener: OpenListener): void {
    if (listener.kept === undefined) return;
    const add = (fd: number): void => this.#put(fd, listener);
    const watch = { add, remove: (fd: number) => this.#remove(fd) };
    if (listener.shards !== undefined) listener.shards.watchBy(watch);
    else if (listener.watchBy !== undefined) listener.watchBy(watch);
    else if (listener.fd !== null) add(listener.fd);
  }

  /** It is about to be closed. */
  closing({ fd, shards, watchBy }: OpenListener): void {
    if (watchBy === undefined) for (const each of shards?.fds ?? [fd]) if (each !== null) this.#remove(each);
  }

  /** The fleet stops: from here on its clients are to be refused. */
  end(): void {
    if (this.#over) return;
    for (const fd of this.#names.keys()) this.#remove(fd);
    if (this.#asks) this.#dismiss();
    this.#over = true;
  }

  /** Workers ask for listeners. */
  get #asks(): boolean {
    const { cluster, launch } = this.#fleet.settings;
    return cluster || launch.hosted !== undefined;
  }

  /** What was kept for the fleet and is not used so far. */
  #left(): string[] {
    return [...this.#store.found].filter((name) => name.startsWith(storedPrefix(this.#fleet.settings.name)));
  }

  /** What no worker has asked for is closed. */
  #dismiss(): void {
    this.#patience?.cancel();
    this.#patience = undefined;
    const left = this.#left();
    if (left.length === 0) return;
    for (const name of left) this.#forget(name);
    const { settings, system, log } = this.#fleet;
    // For no address at all: what is there for the fleet is not wanted.
    system.openListeners([], settings.sharing, 1, log, { keptFor: settings.name }).catch((error: unknown) => {
      log.warn(`closing what the service manager had kept failed: ${reasonOf(error)}`, { event: 'listen', error });
    });
  }

  #forget(name: string): void {
    forget(this.#store, this.#outbox, name);
  }

  #put(fd: number, listener: OpenListener): void {
    if (this.#over) return;
    const name = this.#nameOf(listener, fd);
    if (name === undefined || name === this.#names.get(fd)) return;
    this.#names.set(fd, name);
    if (this.#store.found.has(name)) {
      // Under this name the manager has this one already, or one that was in the way.
      if (this.#adopted(listener).includes(name)) {
        this.#store.found.delete(name);
        return;
      }
      this.#forget(name);
    }
    this.#count();
    // Without FDPOLL=0 the manager would have an eye on it, for hang-ups that a listener does not have.
    this.#outbox.send(['FDSTORE=1', `FDNAME=${name}`, 'FDPOLL=0'], { fds: [fd] });
  }

  #count(): void {
    const store = this.#store;
    store.used++;
    if (store.used <= store.most || store.warned) return;
    store.warned = true;
    this.#fleet.log.warn(
      `the service manager keeps no more than ${store.most} sockets for the next master (FDSTORE), and the fleet has more: ` +
        'raise FileDescriptorStoreMax= of the service, or clients of the others are reset when the master is killed',
      { event: 'listen' },
    );
  }

  #remove(fd: number): void {
    const name = this.#names.get(fd);
    if (name === undefined) return;
    this.#names.delete(fd);
    this.#outbox.forget(fd);
    this.#forget(name);
  }

  /** The names of what an earlier master has opened. */
  #adopted(listener: OpenListener): (string | undefined)[] {
    if (listener.kept !== 'adopted') return [];
    const { fd, shards } = listener;
    return (shards?.fds.slice(0, shards.adopted) ?? [fd ?? -1]).map((each) => this.#nameOf(listener, each));
  }

  #nameOf({ address: { name }, storedAs = name, file, shards }: OpenListener, fd: number): string | undefined {
    const { settings, log } = this.#fleet;
    const stored = storedName(settings.name, storedAs, file ?? shards?.fds.indexOf(fd));
    if (stored === undefined)
      log.warn(`listener '${name}': the service manager cannot keep it, because its name is too long for that`, {
        event: 'listen',
      });
    return stored;
  }
}
