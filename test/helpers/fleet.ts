/** The general fixture, `test/fixtures/fleet.mjs`: a fleet described by JSON. */

import type { ListenerAddress, PreforkOptions } from '../../lib/types.js';
import { type Master, type MasterOptions, startMaster } from './master.js';

/** A way of `test/fixtures/misbehave.mjs` with arguments after colons: `'throw'`, `'wait:1000'`, `'exit later:50:3'`. */
export type Way = string | readonly string[];

/** At every call, or only at the call number `at`. */
export type HookBehaviour = Way | { readonly does: Way; readonly at: number };

export interface FleetConfig {
  /** Anything that JSON carries, and `Infinity`. Default: two workers on a free port of 127.0.0.1. */
  readonly options?: Partial<PreforkOptions>;
  /**
   * A server of `test/fixtures/servers.mjs` (`http`, `http that keeps`, `https`, `http2`, `net`, `tls`), `'ready-made http'` for the server object
   * instead of a function, `'void'` for `worker.ready()` without a server, `'none'` for nothing at all. Default: `http`.
   */
  readonly serve?: string;
  /** What a worker, or that of one slot, does in `serve` before it makes its server. */
  readonly boot?: Way | { readonly does: Way; readonly slot: number };
  /** What the hooks do after they reported their call. */
  readonly hooks?: Partial<Record<'onChildSpawn' | 'onMasterReady' | 'onChildRecover' | 'onChildExit', HookBehaviour>>;
  /** `'kill'`, `false`, or what the hook does. Absent: the package's default. */
  readonly onMasterDeath?: Way | false;
  /** Windows. Every worker has a parent of its own, which lives on and reports as `reaped` how the worker ended. */
  readonly reportsExits?: boolean;
  /** The master reports the event `log` as well. */
  readonly hearsLog?: boolean;
  /** What the program calls. Default: `listenAndServe`. */
  readonly api?: 'listenAndServe' | 'start';
}

/**
 * Events: `program` in every process; `serve`, `draining`, `heard`, `request`, `onMasterDeath` in workers; `onChildSpawn`,
 * `onMasterReady`, `onChildRecover`, `onChildExit` and `on <emitter event>` in the master; `settled` in both.
 * @param fixture Another program that takes the same argument.
 */
export function startFleet(config: FleetConfig = {}, options: MasterOptions = {}, fixture = 'fleet'): Master {
  const json = JSON.stringify(config, (_key, value: unknown) =>
    value === Number.POSITIVE_INFINITY ? '$Infinity' : value,
  );
  return startMaster(fixture, { ...options, args: [json, ...(options.args ?? [])] });
}

export interface ReadyFleet {
  readonly master: Master;
  readonly pids: readonly number[];
  readonly addresses: readonly ListenerAddress[];
  /** Of the first address; `0` for a unix socket. */
  readonly port: number;
}

/** A fleet whose `onMasterReady` has run. */
export async function startReadyFleet(config: FleetConfig = {}, options: MasterOptions = {}): Promise<ReadyFleet> {
  const master = startFleet(config, options);
  const { pids, addresses } = await master.event('onMasterReady');
  return { master, pids, addresses, port: addresses[0]?.port ?? 0 };
}
