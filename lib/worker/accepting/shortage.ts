/** In a worker that has run out of descriptors, and has stopped accepting: says so, and asks for a successor if it lasts. */

import type { DescriptorRoom } from '../../addon/native.cjs';
import type { Log } from '../../common/log.js';

/** Milliseconds after which a worker that is short of descriptors wants to be replaced. */
const PATIENCE = 3_000;
/** The log has one line for what happens again within so many milliseconds. */
const QUIET = 10_000;

export interface ShortageContext {
  readonly log: Log;
  /** Connections of this worker that are open. */
  connections(): number;
  /** What happens to new connections, for the log. */
  readonly meanwhile: string;
  succeed(reason: string): void;
  /** Default: {@link PATIENCE}. */
  readonly patience?: number;
}

export class Shortage {
  readonly #context: ShortageContext;
  #timer: NodeJS.Timeout | undefined;
  #since = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #logged = false;

  constructor(context: ShortageContext) {
    this.#context = context;
  }

  changed(room: DescriptorRoom): void {
    if (room.short) this.#shortOf(room);
    else this.#end(room);
  }

  /** The worker drains. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #shortOf(room: DescriptorRoom): void {
    const now = performance.now();
    this.#since = now;
    this.#logged = now - this.#loggedAt >= QUIET;
    if (this.#logged) {
      this.#loggedAt = now;
      const { log, meanwhile } = this.#context;
      log.warn(
        `out of descriptors: ${inUse(room)}, ${this.#context.connections()} of them connections; it accepts nothing until there is room, ${meanwhile}`,
        { event: 'accept' },
      );
    }
    this.#wait(room);
  }

  #wait(room: DescriptorRoom): void {
    const { patience = PATIENCE, connections, succeed } = this.#context;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const seconds = Math.round((performance.now() - this.#since) / 1000);
      // Full of connections it is no worse than its successor would be: places come as they close.
      if (2 * connections() >= room.open) this.#wait(room);
      else succeed(`it has been short of descriptors for ${seconds} s: ${inUse(room)}`);
    }, patience).unref();
  }

  #end(room: DescriptorRoom): void {
    clearTimeout(this.#timer);
    if (!this.#logged) return;
    this.#logged = false;
    const ms = Math.round(performance.now() - this.#since);
    this.#context.log.info(`has descriptors again (${inUse(room)}) and accepts again after ${ms} ms`, {
      event: 'accept',
    });
  }
}

function inUse({ open, limit }: DescriptorRoom): string {
  return `${Math.min(open, limit)} of ${limit} are in use`;
}
