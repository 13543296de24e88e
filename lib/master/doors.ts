/** The listening sockets of a fleet that stops: the master refuses new connections, and closes the sockets once no worker accepts. */

import { inWords } from '../common/in-words.cjs';
import type { Log } from '../common/log.js';
import { closeListeners, type OpenListener } from '../system/open-listener.js';
import type { System } from '../system/system.js';

export class Doors {
  readonly #system: Pick<System, 'seal' | 'divert'>;
  readonly #log: Log;
  /** Of sockets that newcomers are led away from: for as long as these are open. */
  readonly #diversions: (() => void)[] = [];

  constructor(system: Pick<System, 'seal' | 'divert'>, log: Log) {
    this.#system = system;
    this.#log = log;
  }

  /**
   * What is queued, and who is on the way into a queue, can still be accepted afterwards; newcomers are refused, or unanswered until the
   * socket is closed. Not for sockets of the service manager: those who come while the fleet is away wait there, for the next one.
   * @returns Whether every listener of the fleet refuses new connections. Workers that bind for themselves see to their own.
   */
  seal(listeners: readonly OpenListener[]): boolean {
    // Not on this system.
    if (this.#system.seal === undefined) return false;
    return !listeners.map((listener) => !listener.foreign && this.#refuse(listener)).includes(false);
  }

  #refuse({ address, fd, shards }: OpenListener): boolean {
    const fds = shards?.fds ?? (fd === null ? [] : [fd]);
    try {
      try {
        for (const one of fds) this.#system.seal?.(one);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EPERM' || this.#system.divert === undefined) throw error;
        this.#diversions.push(this.#system.divert(fds));
      }
      return true;
    } catch (error) {
      this.#log.warn(
        `listener '${address.name}': clients that connect while it closes may be reset: ${inWords(error)}`,
        { event: 'listen', error },
      );
      return false;
    }
  }

  /** A socket that no worker accepts from is not held open: its clients would wait in vain. */
  close(listeners: readonly OpenListener[]): void {
    for (const listener of listeners.toReversed()) if (!listener.foreign) listener.close();
    this.#endDiversions();
  }

  /** Also what the service manager opened, and what {@link close} had no chance to. */
  over(listeners: readonly OpenListener[]): void {
    closeListeners(listeners);
    this.#endDiversions();
  }

  #endDiversions(): void {
    for (const end of this.#diversions.splice(0)) end();
  }
}
