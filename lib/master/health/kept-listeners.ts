/**
 * The service manager keeps a copy of every listener (FDSTORE of sd_notify(3)), from before the first worker until the fleet stops. When the
 * master dies in any other way, the queues live on in these copies, and the next master finds them among LISTEN_FDS.
 */

import type { Log } from '../../common/log.js';
import type { OpenListener } from '../../system/open-listener.js';
import { storedName, storedPrefix } from '../../system/stored-name.js';
import type { NoticeOutbox } from './outbox.js';

export class KeptListeners {
  readonly #fleet: string;
  readonly #outbox: Pick<NoticeOutbox, 'send' | 'forget'>;
  readonly #log: Log;
  /** Names under which the manager keeps what earlier masters had stored. */
  readonly #found: Set<string>;
  /** By descriptor: the name under which the manager keeps it. */
  readonly #names = new Map<number, string>();
  #over = false;

  /** @param found Shared by the fleets of this process. */
  constructor(fleet: string, outbox: Pick<NoticeOutbox, 'send' | 'forget'>, log: Log, found: Set<string>) {
    this.#fleet = fleet;
    this.#outbox = outbox;
    this.#log = log;
    this.#found = found;
  }

  /** All listeners of the start are open: what was kept for the fleet beside them is not wanted any more. */
  began(listeners: readonly OpenListener[]): void {
    const adopted = new Set(
      listeners.filter(({ kept }) => kept === 'adopted').map((listener) => this.#nameOf(listener)),
    );
    for (const name of this.#found) {
      if (!name.startsWith(storedPrefix(this.#fleet)) || adopted.has(name)) continue;
      this.#found.delete(name);
      this.#outbox.send(['FDSTOREREMOVE=1', `FDNAME=${name}`]);
    }
    for (const listener of listeners) this.opened(listener);
  }

  opened(listener: OpenListener): void {
    if (listener.kept === undefined) return;
    const add = (fd: number): void => this.#store(fd, listener);
    if (listener.watchBy !== undefined) listener.watchBy({ add, remove: (fd) => this.#remove(fd) });
    else if (listener.fd !== null) add(listener.fd);
  }

  /** It is about to be closed. */
  closing({ fd, watchBy }: OpenListener): void {
    if (watchBy === undefined && fd !== null) this.#remove(fd);
  }

  /** The fleet stops: from here on its clients are to be refused. */
  end(): void {
    for (const fd of this.#names.keys()) this.#remove(fd);
    this.#over = true;
  }

  #store(fd: number, listener: OpenListener): void {
    if (this.#over) return;
    const name = this.#nameOf(listener);
    if (name === undefined || name === this.#names.get(fd)) return;
    this.#names.set(fd, name);
    if (this.#found.delete(name)) return;
    // Without FDPOLL=0 the manager would have an eye on it, for hang-ups that a listener does not have.
    this.#outbox.send(['FDSTORE=1', `FDNAME=${name}`, 'FDPOLL=0'], { fds: [fd] });
  }

  #remove(fd: number): void {
    const name = this.#names.get(fd);
    if (name === undefined) return;
    this.#names.delete(fd);
    this.#outbox.forget(fd);
    this.#outbox.send(['FDSTOREREMOVE=1', `FDNAME=${name}`]);
  }

  #nameOf({ address: { name }, file }: OpenListener): string | undefined {
    const stored = storedName(this.#fleet, name, file);
    if (stored === undefined)
      this.#log.warn(`listener '${name}': the service manager cannot keep it, because its name is too long for that`, {
        event: 'listen',
      });
    return stored;
  }
}
