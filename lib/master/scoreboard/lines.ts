/** The lines of the scoreboard: each worker process has one, from before its spawn until it is gone. What it counted by then stays in the totals. */

import type { NativeScoreboard } from '../../addon/native.cjs';
import { inWords } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import { ACCEPTED, REQUESTS, WORDS } from '../../protocol/scoreboard.js';
import type { System } from '../../system/system.js';

/** What one worker writes. */
export interface Line {
  /** Where the worker finds it; `undefined`: the worker reports it over the control channel. */
  readonly place: { readonly fd: number; readonly row: number } | undefined;
  readonly words: Float64Array;
  /** What the totals have of it already. */
  accepted: number;
  requests: number;
}

export class Lines {
  readonly #memory: NativeScoreboard | undefined;
  /** Rows that no worker has: the one that was left longest ago comes first, because a process behind a wrapper may still write. */
  readonly #free: number[] = [];
  readonly #taken = new Set<Line>();
  /** Rows that no worker ever had begin here. */
  #fresh = 0;
  #over = false;
  readonly #totals = { accepted: 0, requests: 0 };

  constructor({ openScoreboard }: Pick<System, 'openScoreboard'>, log: Log) {
    try {
      this.#memory = openScoreboard?.();
    } catch (error) {
      log.warn(`workers report what they count once a second, because they cannot share memory: ${inWords(error)}`, {
        event: 'warning',
        error,
      });
    }
  }

  /** For a worker that is about to be started. */
  take(): Line {
    const memory = this.#memory;
    const row = memory !== undefined && this.#fresh < memory.rows ? this.#fresh++ : this.#free.shift();
    const line: Line = {
      place: memory && row !== undefined ? { fd: memory.fd, row } : undefined,
      words:
        memory && row !== undefined
          ? new Float64Array(memory.memory, row * WORDS * 8, WORDS).fill(0)
          : new Float64Array(WORDS),
      accepted: 0,
      requests: 0,
    };
    this.#taken.add(line);
    return line;
  }

  /** The worker is gone, or never came to be. Idempotent. */
  leave(line: Line): void {
    if (!this.#taken.has(line)) return;
    this.#add(line);
    this.#taken.delete(line);
    if (line.place !== undefined) this.#free.push(line.place.row);
    this.#close();
  }

  /** Of all workers that there ever were. They never go down, whatever a worker writes. */
  get totals(): { readonly accepted: number; readonly requests: number } {
    for (const line of this.#taken) this.#add(line);
    return this.#totals;
  }

  /** Every worker is gone. A `commandProducer` that takes its time may still start one with the descriptor that it was promised. */
  over(): void {
    this.#over = true;
    this.#close();
  }

  #close(): void {
    if (this.#over && this.#taken.size === 0) this.#memory?.close();
  }

  #add(line: Line): void {
    const { words } = line;
    for (const [name, word] of [
      ['accepted', ACCEPTED],
      ['requests', REQUESTS],
    ] as const) {
      const more = (words[word] as number) - line[name];
      if (!(more > 0 && more < Number.MAX_SAFE_INTEGER)) continue;
      line[name] += more;
      this.#totals[name] += more;
    }
  }
}
