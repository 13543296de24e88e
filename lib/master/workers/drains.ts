/** Workers that have been replaced and finish what they accepted: how long each may take, and how many there may be. */

import type { Log } from '../../common/log.js';
import type { System } from '../../system/system.js';
import { Ending } from './ending.js';
import type { WorkerHandle } from './worker-handle.js';

/** The time of a worker that is one too many, and then until SIGKILL. It is not urgent, and the machine has much to do. */
const CUT_MS = 1_000;
const CUT_MARGIN_MS = 1_000;
/** A worker that drains for longer than this has connections that stay. */
const LONG_MS = 1_000;

export interface DrainsContext {
  readonly system: Pick<System, 'after' | 'now'>;
  readonly log: Log;
  /** Milliseconds that a replaced worker may take to finish. */
  readonly drainTimeout: number;
  /** How many may drain at a time. */
  readonly maxDraining: number;
}

interface Draining {
  readonly since: number;
  ending: Ending;
}

export class Drains {
  readonly #context: DrainsContext;
  /** The oldest first. */
  readonly #draining = new Map<WorkerHandle, Draining>();
  /** How many drained for long when the master logged it last. */
  #logged = 0;

  constructor(context: DrainsContext) {
    this.#context = context;
  }

  /** Lets a worker finish what it accepted, and ends it when that takes too long. The oldest ones end if there are too many. */
  begin(handle: WorkerHandle): void {
    const { system, log, drainTimeout, maxDraining } = this.#context;
    const since = system.now();
    this.#draining.set(handle, { since, ending: this.#end(handle, drainTimeout, 'its replacement') });
    void handle.done.then(() => {
      this.#draining.get(handle)?.ending.cancel();
      this.#draining.delete(handle);
    });
    let tooMany = this.#draining.size - maxDraining;
    for (const [oldest, draining] of this.#draining) {
      if (tooMany-- <= 0) break;
      if (draining.ending.remaining <= CUT_MS) continue;
      log.warn(
        `${oldest} has drained for ${Math.round(since - draining.since)} ms and is cut: more than ${maxDraining} workers drain (maxDraining)`,
        { event: 'drain', worker: oldest.info },
      );
      draining.ending.cancel();
      draining.ending = this.#end(oldest, CUT_MS, 'it was cut', CUT_MARGIN_MS);
    }
  }

  /**
   * To be called when workers have been replaced. Warns of drains that pile up, with their number.
   * @param slots How many workers serve.
   * @param always Again, although they are hardly more than the last time.
   */
  warn(slots: number, always: boolean): void {
    const { system, log, drainTimeout } = this.#context;
    const now = system.now();
    const long = [...this.#draining.values()].filter(({ since }) => now - since >= LONG_MS);
    if (long.length < slots) this.#logged = 0;
    if (long.length < slots || !(always || long.length >= this.#logged + slots)) return;
    this.#logged = long.length;
    const oldest = Math.round((now - (long[0]?.since ?? now)) / 1_000);
    log.warn(
      `${this.#draining.size} workers that were replaced drain beside the ${slots} that serve, ${long.length} of them for more than a second, ` +
        `the oldest for ${oldest} s: each keeps its memory until its connections have ended or drainTimeout (${drainTimeout} ms) is over. ` +
        'WebSockets and streams should end when worker.signal is aborted; maxDraining limits the number',
      { event: 'drain' },
    );
  }

  /** @param from The event from which the time counts. */
  #end(handle: WorkerHandle, timeout: number, from: string, margin?: number): Ending {
    const { system, log } = this.#context;
    const ending: Ending = new Ending({
      system,
      log,
      reason: 'replace',
      timeout,
      ...(margin !== undefined && { margin }),
      late: `was not done ${timeout} ms after ${from} and is killed`,
      over: () => ending.kill(handle),
    });
    ending.ask(handle);
    return ending;
  }
}
