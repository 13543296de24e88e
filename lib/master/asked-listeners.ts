/**
 * The listeners that workers ask for while a fleet runs: monitors watch them like those of the start. The master loads this file when its workers
 * may ask, which those of most programs that call prefork() do not.
 */

import { type Log, showAddress } from '../common/log.js';
import type { Settings } from '../options/settings.js';
import type { OpenListener } from '../system/open-listener.js';
import type { System } from '../system/system.js';
import type { FleetState } from '../types.js';
import { Addresses } from './addresses/addresses.js';
import type { Monitors } from './monitors/monitors.js';
import type { WorkerHandle } from './workers/worker-handle.js';

export interface ListenersContext {
  readonly settings: Settings;
  readonly system: System;
  readonly log: Log;
  readonly monitors: Monitors;
  state(): FleetState;
  /** The sockets are closed, or about to be. */
  ending(): boolean;
}

/**
 * @param listeners Of the fleet: those that workers ask for come and go here.
 * @param inherited Every worker has those of the start. Otherwise these are for the workers that ask for them.
 */
export function takeRequests(
  { settings, system, log, monitors, state, ending }: ListenersContext,
  listeners: OpenListener[],
  inherited: boolean,
): Addresses<WorkerHandle> {
  return new Addresses({
    settings,
    system,
    log,
    listeners,
    inherited,
    keptFor: monitors.health?.keptFor,
    prepare: (listener, index) => monitors.asked?.prepare(listener, index),
    used: (handle, listener) => monitors.asked?.used(handle, listener),
    unused: (handle, listener) => monitors.asked?.unused(handle, listener),
    opened: (listener) => {
      monitors.opened(listener);
      if (state() !== 'starting') log.info(`listening on ${showAddress(listener.address)}, too`, { event: 'listen' });
    },
    closing: (listener) => monitors.closing(listener),
    ending,
  });
}
