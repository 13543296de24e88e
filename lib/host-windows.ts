/** The master's hands on Windows. Small, because every master carries it: the rest is loaded where it is needed. */

import { native } from './addon.js';
import type { Host, Launch, QueueWatch, WorkerProcess, WorkerProcessEvents } from './host.js';
import { CommonHost } from './host-common.js';
import type { OpenListener } from './listeners.js';
import { openListeners } from './listeners.js';
import type { WindowsBinding } from './native-windows.cjs';
import type { ListenPlan } from './options.js';
import type { Logger, Sharing } from './types.js';

/** No service manager passes sockets: variables that say so are meant for nobody. */
const NOBODY = -1;

type Fleet = typeof import('./windows-fleet.js');

export class WindowsHost extends CommonHost implements Host {
  #fleet: Promise<Fleet> | undefined;

  /** At the start: a file that is loaded late may be another version's by then. */
  #load(): Promise<Fleet> {
    this.#fleet ??= import('./windows-fleet.js');
    return this.#fleet;
  }

  async openListeners(
    plans: readonly ListenPlan[],
    sharing: Sharing,
    slots: number,
    log: Logger,
  ): Promise<OpenListener[]> {
    const { windowsWayOut: wayOut } = await this.#load();
    return await openListeners(plans, { native, sharing, slots, log, env: process.env, pid: NOBODY, wayOut });
  }

  async spawn(launch: Launch, events: WorkerProcessEvents): Promise<WorkerProcess> {
    const { holdingNewborns, startProcess, windowsCommand, WindowsWorker } = await this.#load();
    const windows = native as unknown as WindowsBinding;
    const command = windowsCommand(launch, windows.startTime);
    const produce = launch.commandProducer;
    const start =
      produce === undefined ? startProcess : (await import('./producer.js')).produce.bind(undefined, produce);
    const child = await holdingNewborns(windows, () => start(command));
    return new WindowsWorker(windows, child, launch, events);
  }

  /** A console that is closed sends SIGHUP, and nobody else does. */
  hasControllingTerminal(): boolean {
    return true;
  }

  /** Nobody adopts orphans. */
  reapStrangers(): () => void {
    return () => {};
  }

  runDelay(): undefined {
    return undefined;
  }

  queueDepth(): never {
    throw new Error(`queueDepth: ${this.features.reasons['queueDepth']}`);
  }

  watchQueues(): QueueWatch {
    throw new Error(`watchQueues: ${this.features.reasons['sharding']}`);
  }
}
