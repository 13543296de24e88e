/** What the admin door understands: a table of methods. Each checks its own parameters; `admin.ts` sends what it returns. */

import { invalidOption } from '../../common/errors.js';
import type { AdminReload, AdminScale, AdminStatus } from '../../protocol/admin.js';
import type { FleetReading, ReloadResult, Status, WorkerInfo } from '../../types.js';
import { adminError, BadParams } from './words.js';

/** The master, as far as it can be asked. */
export interface Controlled {
  status(): Status;
  metrics(): Promise<FleetReading>;
  reload(): Promise<ReloadResult>;
  scale(workers: (now: number) => number): Promise<void>;
  stop(gracePeriod?: number): unknown;
}

export interface Asked {
  readonly fleet: Controlled;
  readonly name: string;
  /** What `status` answers. Clients that ask in the same turn of the event loop share a reading. */
  status(): Promise<StatusAnswer>;
}

/** {@link AdminStatus}, before dates are text. */
type StatusAnswer = Omit<AdminStatus, 'workers'> & Pick<Status, 'workers'>;

/** @param uptime Milliseconds since the door was opened. */
export function askedOf(fleet: Controlled, name: string, uptime: () => number): Asked {
  const read = async (): Promise<StatusAnswer> => {
    const metrics = await fleet.metrics();
    return { name, uptime: Math.round(uptime()), ...fleet.status(), metrics };
  };
  let reading: Promise<StatusAnswer> | undefined;
  const over = (): void => {
    reading = undefined;
  };
  const status = (): Promise<StatusAnswer> => {
    if (reading === undefined) {
      reading = read();
      setImmediate(over);
    }
    return reading;
  };
  return { fleet, name, status };
}

/** The answer is given when the fleet is over. */
export const AT_THE_END = Symbol('at the end');

export type Params = Readonly<Record<string, unknown>>;

export interface Method {
  /** Names of parameters. Any other is refused. */
  readonly takes: readonly string[];
  /** Changes the fleet: the log says that it was asked for, once the parameters are known to be good. */
  readonly event?: 'reload' | 'scale' | 'stop';
  /** Throws BadParams. @returns what does it. */
  readonly read: (params: Params) => (asked: Asked) => unknown;
}

const WORKERS_MAX = 65_535;
/** Twenty-four days: more is no time to wait for the end of a connection. */
const GRACE_MAX = 2 ** 31 - 1;

/** A map, so that no name of Object.prototype is a method. */
export const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['status', { takes: [], read: () => (asked) => asked.status() }],
  ['reload', { takes: [], event: 'reload', read: () => reload }],
  ['scale', { takes: ['workers', 'by'], event: 'scale', read: scale }],
  ['stop', { takes: ['gracePeriod'], event: 'stop', read: stop }],
]);

async function reload({ fleet }: Asked): Promise<Omit<AdminReload, 'workers'> & { readonly workers: unknown }> {
  const { error, ...verdict } = await fleet.reload();
  const workers = fleet.status().workers.filter(serves);
  return { ...verdict, ...(error !== undefined && { error: adminError(error) }), workers };
}

function serves({ state }: Pick<WorkerInfo, 'state'>): boolean {
  return state === 'ready';
}

function scale({ workers, by }: Params): (asked: Asked) => Promise<AdminScale> {
  const target = numberOf('workers', workers, 1, WORKERS_MAX);
  const change = numberOf('by', by, -WORKERS_MAX, WORKERS_MAX);
  if ((target === undefined) === (change === undefined))
    throw new BadParams("scale takes either 'workers', the new number, or 'by', how many more");
  return async ({ fleet }) => {
    let outcome: AdminScale | undefined;
    await fleet.scale((from) => {
      const to = target ?? Math.max(1, from + (change ?? 0));
      if (to > WORKERS_MAX) throw invalidOption('workers', to, `at most ${WORKERS_MAX}`, { range: true });
      outcome = { from, to };
      return to;
    });
    return outcome as AdminScale;
  };
}

function stop({ gracePeriod }: Params): (asked: Asked) => typeof AT_THE_END {
  const grace = numberOf('gracePeriod', gracePeriod, 0, GRACE_MAX);
  return ({ fleet }) => {
    fleet.stop(grace);
    return AT_THE_END;
  };
}

function numberOf(name: string, value: unknown, least: number, most: number): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw new BadParams(`'${name}' must be an integer from ${least} to ${most}`);
}
