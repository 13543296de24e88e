/** WATCHDOG=1 of sd_notify(3): the service manager restarts a service that does not send it in time. */

import type { Log } from '../../common/log.js';
import type { System, Timer } from '../../system/system.js';

/** So often in the time that the manager allows: one beat may be late, or its workers busy. */
const BEATS = 3;
const SHORTEST_MS = 10;

/** A fleet as the watchdog sees it. */
export interface Watched {
  readonly log: Log;
  /** Its workers are to serve now. Before and after that their deadlines are the master's affair. */
  serves(): boolean;
  /** How many workers it is to have. */
  slots(): number;
  readonly pulse: { readonly turning: number; ask(): void };
}

export class Watchdog {
  readonly #period: number;
  readonly #system: Pick<System, 'after'>;
  readonly #fleets: Iterable<Watched>;
  readonly #beat: () => void;
  readonly #silent = new Set<Watched>();
  #timer: Timer | undefined;

  /** @param allowed Microseconds. */
  constructor(allowed: number, system: Pick<System, 'after'>, fleets: Iterable<Watched>, beat: () => void) {
    this.#period = Math.max(SHORTEST_MS, allowed / 1_000 / BEATS);
    this.#system = system;
    this.#fleets = fleets;
    this.#beat = beat;
  }

  start(): void {
    if (this.#timer === undefined) this.#turn();
  }

  end(): void {
    this.#timer?.cancel();
  }

  /** A worker has answered, or became ready: a manager that has heard nothing for a while may not wait for the next turn. */
  look(): void {
    if (this.#silent.size === 0) return;
    // The others may just have been asked.
    for (const fleet of [...this.#silent]) this.#judge(fleet);
    if (this.#silent.size === 0) this.#beat();
  }

  #turn(): void {
    this.#timer = this.#system.after(this.#period, () => this.#turn());
    const fleets = [...this.#fleets];
    const well = fleets.map((fleet) => this.#judge(fleet));
    if (!well.includes(false)) this.#beat();
    for (const fleet of fleets) if (fleet.serves()) fleet.pulse.ask();
  }

  /** At least half of the workers turn their loop. */
  #judge(fleet: Watched): boolean {
    const { turning } = fleet.pulse;
    const all = fleet.slots();
    const well = !fleet.serves() || turning >= Math.ceil(all / 2);
    if (well === !this.#silent.has(fleet)) return well;
    if (well) {
      this.#silent.delete(fleet);
      fleet.log.info('the service manager gets WATCHDOG=1 again', { event: 'warning' });
    } else {
      this.#silent.add(fleet);
      fleet.log.error(
        `${turning} of ${all} workers turn their event loop, which is less than half: the service manager gets no WATCHDOG=1, and restarts the service if that goes on`,
      );
    }
    return well;
  }
}

/** Microseconds that the service manager allows; `undefined`: it has no watchdog, or not for this process. */
export function watchdogFor(
  { WATCHDOG_USEC: time, WATCHDOG_PID: whose }: NodeJS.ProcessEnv,
  pid: number,
  log: Log,
): number | undefined {
  if (time === undefined || !/^[1-9]\d{0,15}$/.test(time)) return undefined;
  if (whose === undefined || whose === String(pid)) return Number(time);
  log.warn(
    `the service manager expects WATCHDOG=1 of pid ${whose} (WATCHDOG_PID), and this is ${pid}: let it start node itself, without a wrapper like npm or a shell, or write \`exec node\` in it`,
  );
  return undefined;
}
