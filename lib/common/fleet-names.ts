/**
 * The names of fleets that have none of their program: `'0'`, `'1'`… in order of construction, over all copies of the package. The same fleet
 * has the same name in the master and in its workers, and never that of another copy's fleet.
 */

import type { Server } from 'node:net';
import type { Serve } from '../types.js';

const FLEETS = Symbol.for('prefork.fleets.2');

interface Numbered {
  /** What tells one `serve` from another one. */
  readonly serves: unknown;
  failed: boolean;
}

export interface FleetName {
  readonly name: string;
  /**
   * The fleet has failed, and the program may try again. Its workers, which know nothing of the failure, come to the first attempt: the next one
   * that serves the same gets the name of this one.
   */
  failed(): void;
}

export function nextFleetName(serve: Serve | Server): FleetName {
  const holder = globalThis as { [FLEETS]?: Numbered[] };
  if (holder[FLEETS] === undefined) Object.defineProperty(holder, FLEETS, { value: [] });
  const fleets = holder[FLEETS] as Numbered[];
  const serves = typeof serve === 'function' ? Function.prototype.toString.call(serve) : Object.getPrototypeOf(serve);
  const again = fleets.findIndex((fleet) => fleet.failed && fleet.serves === serves);
  const fleet = fleets[again] ?? { serves, failed: false };
  fleet.failed = false;
  const number = again === -1 ? fleets.push(fleet) - 1 : again;
  const failed = (): void => {
    fleet.failed = true;
  };
  return { name: String(number), failed };
}
