/** The sockets of one address under `sharing: 'sharded'`: one per slot, in one `SO_REUSEPORT` group, held by the master for its whole life. */

import type { Fd, LinuxAddon } from '../addon/native.cjs';
import { inWords } from '../common/in-words.cjs';
import type { Log } from '../common/log.js';

type Native = Pick<LinuxAddon, 'steer' | 'deafenListener' | 'closeFd'>;

export class SlotSockets {
  readonly #native: Native;
  readonly #bind: () => Fd;
  readonly #log: Log;
  readonly #fds: Fd[];
  /** How many of the first an earlier master has opened. */
  readonly adopted: number;
  #watch: { add(fd: Fd): void } | undefined;
  /** The slots that the kernel was given last. */
  #steered = '';
  /** Slots that no worker has served yet, while the kernel leads clients to others. */
  readonly #deaf = new Set<number>();

  /**
   * @param bind Binds one more socket, and listens: the index of a socket in its group is the order of listen(2).
   * @param adopted What an earlier master has opened, in that order.
   */
  constructor(native: Native, log: Log, bind: () => Fd, adopted: readonly Fd[] = []) {
    this.#fds = [...adopted];
    this.adopted = adopted.length;
    this.#native = native;
    this.#log = log;
    this.#bind = bind;
    // The earlier master may have died before a worker served there.
    for (const slot of adopted.keys()) this.#setDeaf(slot, false);
  }

  /** By slot. Also those of slots that were taken away: a closed member would change the indices of the others, and reset its queue. */
  get fds(): readonly Fd[] {
    return this.#fds;
  }

  /**
   * Opens what is missing for `slots` slots. Where clients are led to other slots they are deaf until they are steered to: only their first
   * workers hold them beside the master. Should it die, the kernel leads clients to them as soon as another slot is closed, and the
   * workers, which boot, would take those along.
   * @throws the system error of a socket that could not be opened; those before it stay.
   */
  grow(slots: number): void {
    while (this.#fds.length < slots) {
      const fd = this.#bind();
      const slot = this.#fds.push(fd) - 1;
      if (this.#steered !== '' && this.#setDeaf(slot, true)) this.#deaf.add(slot);
      this.#watch?.add(fd);
    }
  }

  /** Hears of those that are open, and of each one that is opened from then on. They are closed together. */
  watchBy(watch: { add(fd: Fd): void }): void {
    for (const fd of this.#fds) watch.add(fd);
    this.#watch = watch;
  }

  /** New connections go to the slots in `served` from now on, to all of them alike; to any slot that was ever served when it is empty. */
  steer(served: readonly number[]): void {
    const [fd] = this.#fds;
    const live = this.#hearing(served);
    const wanted = `${live.join()} of ${this.#fds.length}`;
    if (fd === undefined || wanted === this.#steered) return;
    // None of them hears, and none in `live` would mean all.
    if (live.length === 0 && served.length > 0) return;
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

  #hearing(served: readonly number[]): readonly number[] {
    if (this.#deaf.size === 0) return served;
    if (served.length === 0) return [...this.#fds.keys()].filter((slot) => !this.#deaf.has(slot));
    for (const slot of served) if (this.#deaf.has(slot) && this.#setDeaf(slot, false)) this.#deaf.delete(slot);
    return served.filter((slot) => !this.#deaf.has(slot));
  }

  /** @returns Whether that worked. */
  #setDeaf(slot: number, deaf: boolean): boolean {
    try {
      this.#native.deafenListener(this.#fds[slot] as Fd, deaf);
      return true;
    } catch (error) {
      const what = deaf ? 'cannot be kept from the socket' : 'cannot be let to the socket';
      this.#log.error(`connections ${what} of slot ${slot}: ${inWords(error)}`, { event: 'accept', error });
      return false;
    }
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) this.#native.closeFd(fd);
  }
}
