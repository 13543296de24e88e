/** The public class: in the master it runs the fleet, in a worker it serves. */

import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { native } from './addon/addon.js';
import { isPosix } from './addon/narrow.cjs';
import { identity } from './boot/identity.cjs';
import { invalidOption } from './common/errors.js';
import { type FleetName, nextFleetName } from './common/fleet-names.js';
import { inWords } from './common/in-words.cjs';
import { warnIfKept } from './common/kept-alive.js';
import { type Log, masterLog } from './common/log.js';
import { Master } from './master/master.js';
import { checkNumber } from './options/check.js';
import { resolveOptions } from './options/resolve.js';
import type { Settings } from './options/settings.js';
import { stopGracePeriod } from './options/stop.js';
import { type PreforkEvents, publishOn } from './prefork-events.js';
import { goAhead } from './system/posix/ahead.js';
import type { HeadStart } from './system/posix/head-start.js';
import { PosixSystem } from './system/posix/posix-system.js';
import type { System } from './system/system.js';
import { WindowsSystem } from './system/windows/windows-system.js';
import { refuseHosted, refuseOutsideMaster, refuseRuntime } from './this-process.js';
import type {
  Command,
  Features,
  FleetReading,
  ListenerAddress,
  PreforkOptions,
  ReloadResult,
  Status,
  WorkerInfo,
} from './types.js';

/** What this OS and kernel can do, probed once when the package is loaded. */
export const features: Features = native.features;

const running = new Set<string>();

/** No program can give this name. */
const NAMELESS = '';

/**
 * Serves with pre-forked workers: `new Prefork(options).listenAndServe()`.
 *
 * Runs in: master and workers alike. In the master the promise settles when the fleet has stopped: fulfilled after a requested
 * stop (signal or `stop()`), rejected otherwise. In a worker it settles after the drain.
 * @throws TypeError or RangeError `ERR_PREFORK_INVALID_OPTION`, a system error such as `EADDRINUSE`, or {@link PreforkError}.
 */
export async function prefork(options: PreforkOptions): Promise<void> {
  await new Prefork(options).listenAndServe();
}

/** One fleet: a master and its workers. */
export class Prefork extends EventEmitter<PreforkEvents> implements AsyncDisposable {
  readonly #settings: Settings;
  /** Its name, unless the program gave it one. */
  readonly #number: FleetName;
  #master: Master | undefined;
  /** The program stopped by itself what it had started by `start()`: how long it lives is its own affair. */
  #stoppedByProgram = false;
  #awaited = false;

  /**
   * @throws TypeError or RangeError `ERR_PREFORK_INVALID_OPTION`, naming the option, the value and what is allowed;
   * `ERR_PREFORK_UNSUPPORTED` in a runtime that is not Node.js.
   */
  constructor(options: PreforkOptions) {
    super({ captureRejections: true });
    refuseRuntime();
    const settings = resolveOptions(options, NAMELESS);
    this.#number = nextFleetName(settings.serve);
    this.#settings = settings.name === NAMELESS ? { ...settings, name: this.#number.name } : settings;
  }

  /** An async listener observes like any other: what it rejects with must not end the master as an unhandled rejection. */
  override [EventEmitter.captureRejectionSymbol]<K>(
    error: Error,
    event: keyof PreforkEvents | K,
    ..._values: unknown[]
  ): void {
    this.#listenerFailed(event, error);
  }

  #listenerFailed(event: unknown, error: unknown): void {
    this.#log().error(`a listener of '${String(event)}' failed: ${inWords(error)}`, { event: 'hook', error });
  }

  #log(): Log {
    return masterLog(this.#settings, process.pid);
  }

  /** Runs in: master and workers, see {@link prefork}. */
  async listenAndServe(): Promise<void> {
    const worker = identity();
    if (worker === undefined) {
      this.#awaited = true;
      // What start() rejects with, `finished` rejects with too.
      this.start().catch(() => {});
      return await this.finished;
    }
    refuseHosted(worker);
    // A master never needs it, and would carry its memory for nothing.
    const { drained, runWorker } = await import('./worker/run-worker.js');
    return await (worker.fleet === this.#settings.name
      ? runWorker(worker, this.#settings, native)
      : drained(worker, this.#settings));
  }

  /**
   * Runs in: master. Resolves when the listeners are bound, every worker is ready and `onMasterReady` has run.
   * @throws what kept the fleet from starting, after everything is closed and reaped again; `ABORT_ERR` when it was stopped
   * meanwhile, or before: a fleet starts once.
   */
  async start(): Promise<void> {
    await this.#own(true).start();
  }

  /**
   * Runs in: master. Drains every worker, ends what is left after the grace period with SIGKILL, closes the listeners. Resolves
   * when all are gone. Called again it can only be quicker.
   * @param options.gracePeriod Milliseconds; default: `shutdownGracePeriod`. `0`: at once.
   * @throws TypeError or RangeError `ERR_PREFORK_INVALID_OPTION`, and the fleet goes on.
   */
  async stop(options: { gracePeriod?: number | undefined } = {}): Promise<void> {
    const gracePeriod = stopGracePeriod(options);
    const master = this.#own();
    if (!this.#awaited && !master.ending) this.#stoppedByProgram = true;
    await master.stop(gracePeriod);
  }

  /** Stops the fleet. In a worker, which runs the same lines, there is nothing left to do. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (identity() === undefined) await this.stop();
  }

  /**
   * Runs in: master. Replaces every worker by one of the next generation, which reads code and certificates anew: the new worker is
   * ready before the old one drains, and at most `maxSurge` slots change hands at a time. Resolves when the new generation is
   * ready, while the old one may still drain (`drainTimeout`). A reload that is asked for during a reload follows it, once.
   * @returns the verdict; a generation that does not boot is no rejection: `ok` is false, and the old workers go on serving.
   * @throws `ABORT_ERR` when the fleet was not started or stops.
   */
  async reload(): Promise<ReloadResult> {
    return await this.#own().reload();
  }

  /**
   * Runs in: master. Resolves when every added slot has a ready worker, or the workers of the slots taken away drain. Slots are
   * added and taken away at the end.
   * @param workers The new number of workers, at least 1.
   * @throws RangeError or TypeError `ERR_PREFORK_INVALID_OPTION`; the boot failure of a new worker, whose slot stays and is
   * recovered; `ABORT_ERR` when the fleet was not started or stops.
   */
  async scale(workers: number): Promise<void> {
    const master = this.#own();
    checkNumber('workers', workers, { min: 1, max: 65_535, integer: true });
    await master.scale(() => workers);
  }

  /**
   * Sends a JSON value to the `'message'` listeners of every worker.
   * @returns how many workers took it: not one that is about to end, and not one for which too much waits, see {@link WorkerInfo.send}.
   * @throws TypeError for what JSON cannot carry, RangeError for more than 16 MiB of it.
   */
  broadcast(message: unknown): number {
    return this.#own().broadcast(message);
  }

  /** Where the fleet listens, ports resolved; empty before the listeners are bound. */
  get addresses(): readonly ListenerAddress[] {
    return this.#own().addresses;
  }

  /** Live handles of the present worker processes, by slot. */
  get workers(): readonly WorkerInfo[] {
    return this.#own().workers;
  }

  /** Settles when the fleet is over. Without an observer an error is logged, never an unhandled rejection. */
  get finished(): Promise<void> {
    return this.#own().finished;
  }

  /** A snapshot, safe to serialise. */
  status(): Status {
    return this.#own().status();
  }

  /**
   * Runs in: master. What workers and master have counted, read out of memory that they share: no worker is asked, woken or waited for.
   * With the option `scoreboard` off, workers count nothing, and the master's own counts are there.
   */
  async metrics(): Promise<FleetReading> {
    return await this.#own().metrics();
  }

  /**
   * The master of this fleet, in the process that is it.
   * @param starts The caller starts it at once.
   */
  #own(starts = false): Master {
    refuseOutsideMaster();
    this.#master ??= this.#become(starts);
    return this.#master;
  }

  #become(starts: boolean): Master {
    const { name } = this.#settings;
    if (running.has(name)) throw invalidOption('name', name, 'different from the name of every running fleet');
    const events = publishOn(this, (event, error) => this.#listenerFailed(event, error));
    const settings = this.#settings.cluster ? { ...this.#settings, commandProducer: forkInCluster } : this.#settings;
    // Before anything else of the master is loaded: scripts/bundle.mjs leaves that to the first use.
    const ahead =
      starts && isPosix(native) ? goAhead(settings, native, masterLog(settings, process.pid, events.log)) : undefined;
    let master: Master;
    try {
      master = new Master(settings, makeSystem(ahead), events);
    } catch (error) {
      void ahead?.end();
      throw error;
    }
    // Not before: the constructors may throw, for example in a working directory that was removed.
    running.add(name);
    const over = (): void => {
      running.delete(name);
      if (!this.#stoppedByProgram && running.size === 0) warnIfKept(this.#log(), () => running.size > 0);
    };
    // Handled here; the master has logged it.
    master.finished.then(over, () => {
      this.#number.failed();
      over();
    });
    return master;
  }
}

/** Which operating system a master runs on: asked here, and in `make-worker-system.ts` and `preload.cts` for workers. */
function makeSystem(ahead: HeadStart | undefined): System {
  return process.platform === 'win32' ? new WindowsSystem() : new PosixSystem(ahead);
}

/** Loaded late, as all that few masters need. */
async function forkInCluster(command: Command): Promise<ChildProcess> {
  return (await import('./cluster/fleet.js')).forkInCluster(command);
}
forkInCluster.own = true;
