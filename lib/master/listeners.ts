/** The listening sockets of a fleet: those of its start, and those that workers ask for while it runs. */

import { closeListeners, type OpenListener } from '../system/open-listener.js';
import type { QueueStatus } from '../types.js';
import type { Addresses } from './addresses/addresses.js';
import type { ListenersContext } from './asked-listeners.js';
import { Doors } from './doors.js';
import { queueStatus } from './queue-status.js';
import type { WorkerHandle } from './workers/worker-handle.js';

export class Listeners {
  readonly #context: ListenersContext;
  readonly #doors: Doors;
  /** Those that workers ask for come and go while the fleet runs. */
  #open: OpenListener[] = [];
  #asked: Addresses<WorkerHandle> | undefined;
  #over = false;

  constructor(context: ListenersContext) {
    this.#context = context;
    this.#doors = new Doors(context.system, context.log);
  }

  get open(): readonly OpenListener[] {
    return this.#open;
  }

  /** What workers ask for; `undefined`: they do not. */
  get asked(): Addresses<WorkerHandle> | undefined {
    return this.#asked;
  }

  get queues(): QueueStatus[] {
    const { system, ending } = this.#context;
    // Their numbers may belong to other files by then.
    return ending() ? [] : queueStatus(system, this.#open);
  }

  /** @returns false when the fleet was over before. */
  async begin(): Promise<boolean> {
    const { settings, system, log, monitors } = this.#context;
    const { health } = monitors;
    const hosted = settings.launch.hosted !== undefined;
    this.#open = await system.openListeners(settings.listen, settings.sharing, settings.workers, log, {
      takesAll: hosted,
      keptFor: health?.keptFor,
      moreLater: hosted || settings.cluster,
    });
    // A name server took longer than the whole stop, which has closed what it knew of.
    if (this.#over) {
      closeListeners(this.#open);
      health?.over();
    } else health?.began(this.#open);
    return !this.#over;
  }

  /** From here on workers may ask for more, and for those of the start unless they inherit them. */
  async takeRequests(inherited: boolean): Promise<void> {
    const { takeRequests } = await import('./asked-listeners.js');
    this.#asked = takeRequests(this.#context, this.#open, inherited);
  }

  seal(): boolean {
    return this.#doors.seal(this.#open);
  }

  close(): void {
    this.#asked?.closed();
    this.#doors.close(this.#open);
  }

  /** The fleet is over. */
  over(): void {
    this.#over = true;
    this.#doors.over(this.#open);
    this.#asked?.over();
  }
}
