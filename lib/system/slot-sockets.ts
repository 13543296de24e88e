/** The sockets of one address under `sharing: 'sharded'`: one per slot, in one `SO_REUSEPORT` group, held by the master for its whole life. */

import type { Fd, LinuxAddon } from '../addon/native.cjs';
import { inWords } from '../common/in-words.cjs';
import type { Log } from '../common/log.js';

export class SlotSockets {
  readonly #native: Pick<LinuxAddon, 'steer' | 'closeFd'>;
  readonly #bind: () => Fd;
  readonly #log: Log;
  readonly #fds: Fd[];
  /** How many of the first an earlier master has opened. */
  readonly adopted: number;
  #watch: { add(fd: Fd): void } | undefined;
  /** The slots that the kernel was given last. */
  #steered = '';

  /**
   * @param bind Binds one more socket, and listens: the index of a socket in its group is the order of listen(2).
   * @param adopted What an earlier master has opened, in that order.
   */
  constructor(native: Pick<LinuxAddon, 'steer' | 'closeFd'>, log: Log, bind: () => Fd, adopted: readonly Fd[] = []) {
    this.#fds = [...adopted];
    this.adopted = adopted.length;
    this.#native = native;
    this.#log = log;
    this.#bind = bind;
  }

  /** By slot. Also those of slots that were taken away: a closed member would change the indices of the others, and reset its queue. */
  get fds(): readonly Fd[] {
    return this.#fds;
  }

  /**
   * Opens what is missing for `slots` slots.
   * @throws the system error of a socket that could not be opened; those before it stay.
   */
  grow(slots: number): void {
    while (this.#fds.length < slots) {
      const fd = this.#bind();
      this.#fds.push(fd);
      this.#watch?.add(fd);
    }
  }

  /** Hears of those that are open, and of each one that is opened from then on. They are closed together. */
  watchBy(watch: { add(fd: Fd): void }): void {
    for (const fd of this.#fds) watch.add(fd);
    this.#watch = watch;
  }

  /** New connections go to the slots in `live` from now on, to all of them alike; to any slot when it is empty. */
  steer(live: readonly number[]): void {
    const [fd] = this.#fds;
    const wanted = `${live.join()} of ${this.#fds.length}`;
    if (fd === undefined || wanted === this.#steered) return;
    try {
      this.#native.steer({ fd, live: [...live], size: this.#fds.length });
      this.#steered = wanted;
    } catch (error) {
      // The kernel goes on with the slots that it was given before; what is queued at a slot without a worker is accepted by the others.
      this.#log.error(`connections cannot be steered to the slots ${live.join(', ')}: ${inWords(error)}`, {
        event: 'accept',
        error,
      });
    }
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) this.#native.closeFd(fd);
  }
}
