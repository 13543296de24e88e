/** One address of a hosted program: its listener, and which workers use it. */

import type { OpenListener } from '../../system/open-listener.js';
import type { ReplyResult } from '../../system/system.js';

/** A worker that asks: a `WorkerHandle` is one. */
export interface Asking {
  readonly place: { readonly slot: number; readonly generation: number };
  readonly state: string;
  /** Settles when the process is reaped. */
  readonly gone: Promise<void>;
  reply(id: number, text: string, fds: readonly number[]): ReplyResult;
  lease(listener: OpenListener): OpenListener;
}

export class Address<Worker extends Asking = Asking> {
  readonly index: number;
  /** By which workers asked for it. */
  readonly keys = new Set<string>();
  readonly listener: Promise<OpenListener>;
  /** It was open before any worker asked: it stays so, also while no worker accepts from it. */
  readonly given: boolean;
  readonly #users = new Set<Worker>();
  #open: OpenListener | undefined;
  #orphaned = false;

  /** @param given The listener, when it was open before any worker asked. */
  constructor(index: number, listener: Promise<OpenListener>, given?: OpenListener) {
    this.index = index;
    this.listener = listener;
    this.given = given !== undefined;
    this.#open = given;
    listener.then(
      (open) => {
        this.#open = open;
      },
      () => {},
    );
  }

  /** `undefined` until the listener is open. */
  get open(): OpenListener | undefined {
    return this.#open;
  }

  /** Its last worker has died, and clients may wait in its queue. */
  get orphaned(): boolean {
    return this.#orphaned;
  }

  get unused(): boolean {
    return this.#users.size === 0;
  }

  use(worker: Worker): void {
    this.#users.add(worker);
    void worker.gone.then(() => {
      if (this.#users.delete(worker) && this.unused) this.#orphaned = true;
    });
  }

  /** @returns Whether the worker has used it. */
  leave(worker: Worker): boolean {
    return this.#users.delete(worker);
  }

  isUsedBy(worker: Worker): boolean {
    return this.#users.has(worker);
  }

  isUsedIn(fits: (place: Asking['place']) => boolean): boolean {
    return [...this.#users].some(({ place }) => fits(place));
  }
}
