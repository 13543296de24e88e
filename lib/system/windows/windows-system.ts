/** The master's hands on Windows. Small, because every master carries it: the rest is loaded where it is needed. */

import { native as addon } from '../../addon/addon.js';
import { windows } from '../../addon/narrow.cjs';
import type { Log } from '../../common/log.js';
import type { ListenPlan } from '../../options/settings.js';
import type { Sharing } from '../../types.js';
import { CommonSystem } from '../common.js';
import { mayInspect } from '../launch/debugger.js';
import { HELD } from '../listeners/held-here.js';
import { openListeners } from '../listeners/open.js';
import type { OpenListener } from '../open-listener.js';
import type { Door, DoorPlace, Launch, System, WorkerProcess, WorkerProcessEvents } from '../system.js';

/** No service manager passes sockets: variables that say so are meant for no process. */
const NOBODY = -1;

type Fleet = typeof import('./late.js');

export class WindowsSystem extends CommonSystem implements System {
  readonly #native = windows(addon);
  #fleet: Promise<Fleet> | undefined;

  /** At the start: a file that is loaded late may be another version's by then. */
  #load(): Promise<Fleet> {
    this.#fleet ??= import('./late.js');
    return this.#fleet;
  }

  async openListeners(
    plans: readonly ListenPlan[],
    sharing: Sharing,
    slots: number,
    log: Log,
  ): Promise<OpenListener[]> {
    const { windowsWayOut: wayOut } = await this.#load();
    return await openListeners(plans, {
      native: this.#native,
      sharing,
      slots,
      log,
      env: process.env,
      pid: NOBODY,
      wayOut,
      held: HELD,
    });
  }

  async openDoor(place: DoorPlace): Promise<Door> {
    return await (await import('../doors/windows.js')).openDoor(place);
  }

  async spawn(launch: Launch, events: WorkerProcessEvents): Promise<WorkerProcess> {
    const { holdingNewborns, startProcess, windowsCommand, WindowsProcess } = await this.#load();
    const { settings, program } = launch;
    const debugPort = mayInspect([...(settings.execArgv ?? []), ...program.execArgv], settings.env ?? program.env)
      ? (await import('../launch/debug-ports.js')).debugPortOf(launch, this.#native)
      : undefined;
    const command = windowsCommand(launch, this.#native.startTime, debugPort?.port);
    const produce = launch.commandProducer;
    const start =
      produce === undefined ? startProcess : (await import('../launch/producer.js')).produce.bind(undefined, produce);
    try {
      const child = await holdingNewborns(this.#native, () => start(command));
      const worker = new WindowsProcess(this.#native, child, launch, events);
      worker.debugger = debugPort?.place;
      debugPort?.heldBy(worker);
      return worker;
    } catch (error) {
      debugPort?.release();
      throw error;
    }
  }

  /** A console that is closed sends SIGHUP, and nothing else does. */
  hasControllingTerminal(): boolean {
    return true;
  }
}
