/**
 * Sharded listeners that workers ask for, while the fleet runs: not every worker has each of them. So each is a {@link Sharding} of its own,
 * in which only the workers count that listen there; a slot whose worker does not is one without a worker.
 */

import { SLOTS } from '../../protocol/protocol.cjs';
import type { OpenListener } from '../../system/open-listener.js';
import type { QueueReport, Queues, QueueWatch } from '../../system/system.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import { Sharding, type ShardingContext } from './sharding.js';

/** @param asks Whether workers may ask for listeners. */
export function openSharding(context: ShardingContext, asks: boolean): Sharding | AskedSharding {
  return asks ? new AskedSharding(context) : new Sharding(context);
}

interface Asked {
  readonly sharding: Sharding;
  /** The workers that listen there, in whatever state. */
  readonly users: Set<WorkerHandle>;
}

export class AskedSharding {
  readonly #context: ShardingContext;
  /** What every worker inherits; `undefined`: nothing. */
  readonly #inherited: Sharding | undefined;
  readonly #asked = new Map<OpenListener, Asked>();
  readonly #byNumber = new Map<number, Sharding>();
  /** One for all: each is a thread. */
  readonly #watch: QueueWatch;
  readonly #reports = new Map<number, (reports: readonly QueueReport[]) => void>();
  readonly #full = new Set<WorkerHandle>();
  #slots = 0;
  /** For who opens the listeners. */
  readonly hears = {
    prepare: (listener: OpenListener, index: number): void => this.#opened(listener, index),
    used: (handle: WorkerHandle, listener: OpenListener): void => this.#uses(handle, listener),
    unused: (handle: WorkerHandle, listener: OpenListener): void => this.#unused(handle, listener),
  };

  constructor(context: ShardingContext) {
    this.#context = { ...context, queues: this.#queues(context.queues) };
    this.#watch = context.queues.watch((reports) => {
      for (const report of reports) this.#reports.get(report.fd)?.([report]);
    });
    this.#inherited = context.listeners.length === 0 ? undefined : new Sharding(this.#context);
  }

  #queues(queues: Queues): Queues {
    return {
      depth: (fd) => queues.depth(fd),
      watch: (onWaiting) => {
        const fds = new Set<number>();
        return {
          add: (fd) => {
            this.#watch.add(fd);
            fds.add(fd);
            this.#reports.set(fd, onWaiting);
          },
          remove: (fd) => {
            if (!fds.delete(fd)) return;
            this.#reports.delete(fd);
            this.#watch.remove(fd);
          },
          rearm: (fd) => this.#watch.rearm(fd),
          close: () => {
            for (const fd of fds) {
              this.#reports.delete(fd);
              this.#watch.remove(fd);
            }
            fds.clear();
          },
        };
      },
    };
  }

  #each(action: (sharding: Sharding) => void): void {
    if (this.#inherited !== undefined) action(this.#inherited);
    for (const { sharding } of this.#asked.values()) action(sharding);
  }

  /** As {@link Sharding.grow}. */
  grow(slots: number): void {
    this.#each((sharding) => sharding.grow(slots));
    this.#slots = Math.max(this.#slots, slots);
  }

  /**
   * Workers may listen there from now on.
   * @throws the system error of a socket that could not be opened; then it is as it was.
   */
  #opened(listener: OpenListener, index: number): void {
    const { shards } = listener;
    if (shards === undefined || this.#context.listeners.some((inherited) => inherited.shards === shards)) return;
    const offset = (index + 1) * SLOTS;
    const sharding = new Sharding({ ...this.#context, listeners: [{ index, shards }], offset });
    try {
      sharding.grow(this.#slots);
    } catch (error) {
      sharding.close();
      throw error;
    }
    this.#asked.set(listener, { sharding, users: new Set() });
    this.#byNumber.set(offset, sharding);
  }

  /** It is about to be closed, while the fleet goes on. */
  closing(listener: OpenListener): void {
    const asked = this.#asked.get(listener);
    if (asked === undefined) return;
    asked.sharding.close();
    this.#asked.delete(listener);
    for (const [offset, sharding] of this.#byNumber) if (sharding === asked.sharding) this.#byNumber.delete(offset);
  }

  /** The worker listens there. */
  #uses(handle: WorkerHandle, listener: OpenListener): void {
    const asked = this.#asked.get(listener);
    if (asked === undefined) return;
    asked.users.add(handle);
    this.#review(handle, asked);
  }

  /** The worker has closed its server. */
  #unused(handle: WorkerHandle, listener: OpenListener): void {
    const asked = this.#asked.get(listener);
    if (asked?.users.delete(handle) === true) asked.sharding.left(handle);
  }

  /** As {@link Sharding.changed}. */
  changed(handle: WorkerHandle): void {
    if (handle.state !== 'ready') this.#full.delete(handle);
    this.#inherited?.changed(handle);
    for (const asked of this.#asked.values()) {
      if (asked.users.has(handle)) this.#review(handle, asked);
      if (handle.state === 'exited') asked.users.delete(handle);
    }
  }

  #review(handle: WorkerHandle, { sharding }: Asked): void {
    if (handle.state === 'starting') return;
    sharding.changed(handle);
    if (this.#full.has(handle)) sharding.accepting(handle, false);
  }

  answered(handle: WorkerHandle, ping: number | undefined): void {
    this.#each((sharding) => sharding.answered(handle, ping));
  }

  adoptionFailed(handle: WorkerHandle, slot: number): void {
    const own = slot % SLOTS;
    (slot === own ? this.#inherited : this.#byNumber.get(slot - own))?.adoptionFailed(handle, own);
  }

  accepting(handle: WorkerHandle, yes: boolean): void {
    if (yes) this.#full.delete(handle);
    else this.#full.add(handle);
    this.#each((sharding) => sharding.accepting(handle, yes));
  }

  close(): void {
    this.#each((sharding) => sharding.close());
    this.#watch.close();
  }
}
