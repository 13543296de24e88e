/** Notices workers whose event loop does not turn, says where they are, and ends them. Runs in the master. */

import type { Log } from '../../common/log.js';
import type { InspectorPort, ListeningAddress, Ping } from '../../protocol/protocol.cjs';
import type { OpenListener } from '../../system/open-listener.js';
import type { AskForStack, BlockedStack, System, Timer } from '../../system/system.js';
import type { WorkerInfo, WorkerState } from '../../types.js';
import type { WorkerHandle } from '../workers/worker-handle.js';

/**
 * A ping is sent with every turn of the watch, and must be answered within this many turns of it. A worker that stops between two
 * pings is noticed one turn later: after one to one and a half times the timeout.
 */
const TURNS = 2;

/** Where the system asks no process. */
const UNAVAILABLE: BlockedStack = { unavailable: 'inspector unavailable' };

/** A worker as the watch sees it. */
export interface WatchedWorker {
  readonly info: Pick<WorkerInfo, 'slot' | 'pid' | 'generation'>;
  readonly state: WorkerState;
  /** False for a worker that does not answer pings, or not at present. */
  ping(ping: Ping): boolean;
  /** SIGKILL; the exit that follows is reported with these words, and judged like any other. An error: the master may not kill it. */
  killFor(because: string): boolean | Error;
  /** It could not be killed, and goes on. */
  spare(): void;
  /** It goes on, and an inspector that the question has opened would stay open. @param before Where another one may be. */
  closeInspector(before: readonly ListeningAddress[]): void;
  toString(): string;
}

export interface LivenessContext<Worker extends WatchedWorker> {
  /** Milliseconds without progress that are too long. */
  readonly timeout: number;
  readonly system: Pick<System, 'now' | 'after'>;
  readonly log: Log;
  /** All of the fleet, in whatever state. */
  readonly workers: Iterable<Worker>;
  /** @param inspector As the worker reported with its last answer. */
  examine(worker: Worker, inspector: InspectorPort | undefined): Promise<BlockedStack>;
}

interface Watch {
  /** Turns since the ping that is not answered; `undefined`: every ping is. */
  unanswered: number | undefined;
  inspector: InspectorPort | undefined;
  /** Nothing more is done: it is being examined, or killed. */
  caught: boolean;
  /** The log says already that it is left to its debugger. */
  spared: boolean;
}

export class Liveness<Worker extends WatchedWorker> {
  readonly #context: LivenessContext<Worker>;
  readonly #watches = new WeakMap<Worker, Watch>();
  /** Milliseconds between two turns of the watch. */
  readonly #period: number;
  #timer: Timer | undefined;
  #over = false;

  constructor(context: LivenessContext<Worker>) {
    this.#context = context;
    this.#period = context.timeout / TURNS;
  }

  /** One timer for the whole fleet. */
  start(): void {
    const { system } = this.#context;
    const due = system.now() + this.#period;
    this.#timer = system.after(this.#period, () => {
      // The master itself could not run: its loop was blocked, it was stopped, or the machine was. Its workers may have been, too.
      const late = system.now() - due > this.#period / 2;
      this.start();
      if (!late) this.#turn();
    });
  }

  /** No worker is examined or killed any more. */
  end(): void {
    this.#over = true;
    this.#timer?.cancel();
  }

  /** The event loop of a worker has turned, whatever the ping was for. */
  answered(worker: Worker, inspector: InspectorPort | undefined): void {
    const watch = this.#watch(worker);
    watch.unanswered = undefined;
    watch.inspector = inspector;
    watch.spared = false;
  }

  #watch(worker: Worker): Watch {
    let watch = this.#watches.get(worker);
    if (watch === undefined) {
      watch = { unanswered: undefined, inspector: undefined, caught: false, spared: false };
      this.#watches.set(worker, watch);
    }
    return watch;
  }

  #turn(): void {
    for (const worker of this.#context.workers) {
      // One that boots has readyTimeout, one that drains has its own deadline.
      if (worker.state !== 'ready') continue;
      const watch = this.#watch(worker);
      if (watch.caught) continue;
      if (watch.unanswered === undefined) {
        if (worker.ping({ for: 'liveness' })) watch.unanswered = 0;
      } else if (++watch.unanswered >= TURNS) {
        void this.#suspect(worker, watch);
      }
    }
  }

  async #suspect(worker: Worker, watch: Watch): Promise<void> {
    const { examine, log, timeout } = this.#context;
    watch.caught = true;
    const found = await examine(worker, watch.inspector);
    watch.caught = false;
    const opened = 'opened' in found ? found.opened : undefined;
    if (!this.#concerns(worker)) {
      if (opened !== undefined) worker.closeInspector(opened.before);
      return;
    }
    const what = `made no progress for ${(timeout / 1000).toFixed(1)} s`;
    if ('debugged' in found) {
      if (watch.unanswered !== undefined) watch.unanswered = 0;
      if (!watch.spared)
        log.info(`${worker}: its event loop ${what}; a debugger is connected, so it is left alone`, {
          event: 'stall',
          worker: worker.info,
        });
      watch.spared = true;
      return;
    }
    // Also when it has answered meanwhile: that was too late, and its inspector is open now.
    watch.caught = true;
    const where = 'stack' in found ? `:\n${found.stack}` : `: ${found.unavailable}`;
    log.error(`${worker}: its event loop ${what}, so it is killed; JavaScript stack${where}`, {
      event: 'kill',
      worker: worker.info,
      reason: `its event loop ${what}`,
    });
    if (!(worker.killFor(what) instanceof Error)) return;
    worker.spare();
    if (opened !== undefined) worker.closeInspector(opened.before);
  }

  #concerns(worker: Worker): boolean {
    return !this.#over && worker.state === 'ready';
  }
}

/**
 * Watches from now on.
 * @param timeout Milliseconds without progress that are too long.
 * @param ask Absent where no process can be asked.
 */
export function watchLiveness(
  timeout: number,
  system: System,
  log: Log,
  listeners: readonly OpenListener[],
  workers: Iterable<WorkerHandle>,
  ask: AskForStack | undefined,
): Liveness<WorkerHandle> {
  const liveness = new Liveness<WorkerHandle>({
    timeout,
    system,
    log,
    workers,
    examine: async ({ servingPid }, inspector) => {
      const servedPorts = new Set(listeners.flatMap(({ address: { port } }) => (port === undefined ? [] : [port])));
      return (await ask?.(servingPid, { servedPorts, inspector })) ?? UNAVAILABLE;
    },
  });
  liveness.start();
  return liveness;
}
