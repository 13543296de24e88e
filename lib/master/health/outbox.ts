/** What the service manager is to read, in order. A manager that does not listen, or does not read, never harms the master. */

import { reasonOf } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import type { System, Timer } from '../../system/system.js';

/** Milliseconds until the master tries again to send to a manager whose queue is full. The kernel does not report when it is not. */
const AGAIN = 50;
/** What only says how things are at present is dropped for a manager that has so much to read. */
const MANY = 64;

interface Notice {
  readonly text: string;
  readonly fds: readonly number[];
}

export class NoticeOutbox {
  readonly #system: Pick<System, 'after'>;
  readonly #log: Log;
  readonly #address: string;
  readonly #notify: NonNullable<System['notify']>;
  readonly #waiting: Notice[] = [];
  #timer: Timer | undefined;
  #failed = false;

  constructor(address: string, notify: NonNullable<System['notify']>, system: Pick<System, 'after'>, log: Log) {
    this.#address = address;
    this.#notify = notify;
    this.#system = system;
    this.#log = log;
  }

  /** @param passing Of no interest later. */
  send(
    lines: readonly string[],
    { fds = [], passing = false }: { fds?: readonly number[]; passing?: boolean } = {},
  ): void {
    if (passing && this.#waiting.length >= MANY) return;
    this.#waiting.push({ text: lines.join('\n'), fds });
    this.#flush();
  }

  /** The descriptor is about to be closed. */
  forget(fd: number): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--)
      if (this.#waiting[i]?.fds.includes(fd)) this.#waiting.splice(i, 1);
  }

  /** What the manager does not take now it never gets. */
  close(): void {
    this.#flush();
    this.#timer?.cancel();
    this.#waiting.length = 0;
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#sent(next)) {
        this.#timer = this.#system.after(AGAIN, () => this.#flush());
        return;
      }
      this.#waiting.shift();
    }
  }

  /** False: not yet. What cannot be sent at all counts as sent. */
  #sent({ text, fds }: Notice): boolean {
    try {
      return this.#notify({ address: this.#address, text, fds });
    } catch (error) {
      if (!this.#failed)
        this.#log.warn(
          `the service manager cannot be notified at ${this.#address} (NOTIFY_SOCKET): ${reasonOf(error)}; the fleet goes on, and this is logged once`,
          { error },
        );
      this.#failed = true;
      return true;
    }
  }
}
