/** Workers that have been replaced and finish what they accepted: how long each may take, and how many there may be. */

import { MASTER_KILLS_MS } from '../../protocol/deadlines.js';
import type { System, Timer } from '../../system/system.js';
import type { Logger } from '../../types.js';
import type { WorkerHandle } from './worker-handle.js';

/** What a worker gets to end in that is one too many, and then until SIGKILL. It is not urgent, and the machine has much to do. Milliseconds. */
const CUT = { time: 1_000, margin: 1_000 } as const;
/** Who drains for longer than that has connections that stay. Milliseconds. */
const LONG = 1_000;

export interface DrainsContext {
  readonly system: Pick<System, 'after' | 'now'>;
  readonly log: Logger;
  /** Milliseconds that a replaced worker may take to finish. */
  readonly drainTimeout: number;
  /** How many may drain at a time. */
  readonly maxDraining: number;
}

interface Draining {
  readonly since: number;
  until: number;
  timer: Timer;
}

export class Drains {
  readonly #context: DrainsContext;
  /** The oldest first. */
  readonly #draining = new Map<WorkerHandle, Draining>();
  /** How many there were when it was last told of. */
  #told = 0;

  constructor(context: DrainsContext) {
    this.#context = context;
  }

  /** Lets a worker finish what it accepted, and ends it when that takes too long. The oldest ones end if there are too many. */
  begin(handle: WorkerHandle): void {
    const { system, log, drainTimeout, maxDraining } = this.#context;
    const since = system.now();
    this.#draining.set(handle, {
      since,
      until: since + drainTimeout,
      timer: this.#limit(handle, drainTimeout, 'its replacement'),
    });
    void handle.gone.then(() => {
      this.#draining.get(handle)?.timer.cancel();
      this.#draining.delete(handle);
    });
    let tooMany = this.#draining.size - maxDraining;
    for (const [oldest, draining] of this.#draining) {
      if (tooMany-- <= 0) break;
      if (draining.until - since <= CUT.time) continue;
      log.warn(
        `${oldest} has drained for ${Math.round(since - draining.since)} ms and is cut: more than ${maxDraining} workers drain (maxDraining)`,
      );
      draining.timer.cancel();
      draining.timer = this.#limit(oldest, CUT.time, 'it was cut', CUT.margin);
      draining.until = since + CUT.time;
    }
  }

  /**
   * To be called when workers have been replaced. Warns of drains that pile up, with their number.
   * @param slots How many workers serve.
   * @param always Again, although they are hardly more than the last time.
   */
  tell(slots: number, always: boolean): void {
    const { system, log, drainTimeout } = this.#context;
    const now = system.now();
    const long = [...this.#draining.values()].filter(({ since }) => now - since >= LONG);
    if (long.length < slots) this.#told = 0;
    if (long.length < slots || !(always || long.length >= this.#told + slots)) return;
    this.#told = long.length;
    const oldest = Math.round((now - (long[0]?.since ?? now)) / 1_000);
    log.warn(
      `${this.#draining.size} workers that were replaced drain beside the ${slots} that serve, ${long.length} of them for more than a second, ` +
        `the oldest for ${oldest} s: each keeps its memory until its connections have ended or drainTimeout (${drainTimeout} ms) is over. ` +
        'WebSockets and streams should end when worker.signal is aborted; maxDraining limits the number',
    );
  }

  /** @param from What the time counts from. */
  #limit(handle: WorkerHandle, timeout: number, from: string, margin = MASTER_KILLS_MS): Timer {
    const { system, log } = this.#context;
    handle.drain('replace', timeout);
    return system.after(timeout + margin, () => {
      log.warn(`${handle} was not done ${timeout} ms after ${from} and is killed`);
      handle.kill('SIGKILL');
    });
  }
}
