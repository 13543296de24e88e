/** The events of a fleet: what its master reports, for listeners of the program that observe and cannot stop it. */

import type { EventEmitter } from 'node:events';
import type { FleetEvent } from './fleet-event.js';
import type { MasterEvents } from './master/master.js';
import type { ExitInfo, ReloadResult, WorkerInfo } from './types.js';

/** Events of {@link Prefork}: the values of the hooks, for observers that cannot stop the fleet. Emitted in the master. */
export interface PreforkEvents {
  spawn: [pid: number, worker: WorkerInfo];
  ready: [pids: number[]];
  exit: [worker: WorkerInfo, exit: ExitInfo];
  recover: [oldPid: number, newPid: number];
  reload: [result: ReloadResult];
  /** Everything is over; `error` is what ended the fleet, `undefined` after a requested stop. */
  stop: [error: unknown];
  /** A worker called `send()`. */
  message: [worker: WorkerInfo, message: unknown];
  /** The master logs a line, whatever `logger` and `logFormat` are: what that line says, in fields. */
  log: [event: FleetEvent];
}

/** @param failed A listener threw: the master must not see it. */
export function publishOn(
  fleet: EventEmitter<PreforkEvents>,
  failed: (event: keyof PreforkEvents, error: unknown) => void,
): MasterEvents {
  const publish = <Event extends keyof PreforkEvents>(event: Event, ...values: PreforkEvents[Event]) => {
    try {
      (fleet as EventEmitter).emit(event, ...values);
    } catch (error) {
      failed(event, error);
    }
  };
  return {
    spawn: (pid, worker) => publish('spawn', pid, worker),
    ready: (pids) => publish('ready', pids),
    exit: (worker, exit) => publish('exit', worker, exit),
    recover: (oldPid, newPid) => publish('recover', oldPid, newPid),
    reload: (result) => publish('reload', result),
    message: (worker, data) => publish('message', worker, data),
    stop: (error) => publish('stop', error),
    log: (event) => {
      if (fleet.listenerCount('log') > 0) publish('log', event());
    },
  };
}
