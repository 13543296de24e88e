/** Columns of what workers count: once, and the difference of two looks. */

import type { AdminStatus, AdminWorker } from '../protocol/admin.js';
import type { SlotReading } from '../types.js';
import type { Column } from './table.js';
import { bytes } from './words.js';

/** Of a worker that does not count, or has not yet. */
const UNKNOWN = '-';

type Readings = ReadonlyMap<number, SlotReading>;

/** What one look says. */
export function countColumns(status: AdminStatus): readonly Column<AdminWorker>[] {
  const readings = byPid(status);
  return [
    column('REQUESTS', readings, ({ requestsTotal }) => String(requestsTotal)),
    column('CONNS', readings, ({ connections }) => String(connections)),
    delay(readings),
    rss(),
  ];
}

/** What two looks say, at the most recent of which `status` was true. */
export class Rates {
  #before: Readings = new Map();
  #now: Readings = new Map();
  /** Milliseconds between the two. */
  #apart = 0;
  #at = 0;

  /** @param at Of a monotonic clock. */
  add(status: AdminStatus, at: number): void {
    this.#before = this.#now;
    this.#now = byPid(status);
    this.#apart = at - this.#at;
    this.#at = at;
  }

  columns(): readonly Column<AdminWorker>[] {
    return [
      this.#difference(
        'REQ/S',
        ({ requestsTotal }) => requestsTotal,
        (each) => each.toFixed(each < 10 ? 1 : 0),
      ),
      column('CONNS', this.#now, ({ connections }) => String(connections)),
      delay(this.#now),
      // Of a CPU: milliseconds a second are tenths of a per cent.
      this.#difference(
        'CPU',
        ({ cpu }) => cpu,
        (each) => `${(each / 10).toFixed(0)}%`,
        false,
      ),
      rss(),
    ];
  }

  /** A second. Of a worker that was not there before there is none yet. */
  #difference(
    title: string,
    of: (reading: SlotReading) => number,
    show: (each: number) => string,
    counted = true,
  ): Column<AdminWorker> {
    return {
      title,
      cell: ({ pid }) => {
        const [before, now] = [this.#before.get(pid), this.#now.get(pid)];
        if (before === undefined || now === undefined || this.#apart <= 0) return UNKNOWN;
        if (counted ? !before.counted : now.cpu === 0) return UNKNOWN;
        return show(Math.max(0, ((of(now) - of(before)) * 1_000) / this.#apart));
      },
    };
  }
}

/** The longest turn of the event loop in the last second. */
function delay(readings: Readings): Column<AdminWorker> {
  return column('DELAY', readings, ({ loopDelayMax }) => `${loopDelayMax.toFixed(loopDelayMax < 10 ? 1 : 0)} ms`);
}

function rss(): Column<AdminWorker> {
  return { title: 'RSS', cell: (worker) => (worker.rss === undefined ? UNKNOWN : bytes(worker.rss)) };
}

function column(title: string, readings: Readings, show: (reading: SlotReading) => string): Column<AdminWorker> {
  return {
    title,
    cell: ({ pid }) => {
      const reading = readings.get(pid);
      return reading?.counted ? show(reading) : UNKNOWN;
    },
  };
}

function byPid({ metrics }: AdminStatus): Readings {
  return new Map(metrics.workers.map((reading) => [reading.pid, reading]));
}
