/** Brings one process into a slot: spawn (patient with a machine that is short of resources), introduction, readiness. */

import type { BoardPlace } from '../../addon/native.cjs';
import type { Deferred } from '../../common/deferred.js';
import { deferred } from '../../common/deferred.js';
import type { WorkerExit } from '../../common/errors.js';
import { PreforkError } from '../../common/errors.js';
import { inWords, isError } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import { explained } from '../../common/system-error.js';
import { afterStall } from '../../common/timers.js';
import type { Settings } from '../../options/settings.js';
import type { HostedProgram, InitMessage } from '../../protocol/protocol.cjs';
import { inheritedSockets } from '../../system/layout.js';
import type { OpenListener } from '../../system/open-listener.js';
import type { ReleaseLaunch, Releases } from '../../system/releases/releases.js';
import type { Launch, System, WorkerProcess } from '../../system/system.js';
import type { Lines } from '../scoreboard/lines.js';
import { notStarted } from './boot-failure.js';
import type { Delays } from './delays.js';
import type { Heard, WorkerPlace } from './events.js';
import { Leases } from './leases.js';
import { GROUP_RACE } from './life.js';
import { WorkerHandle } from './worker-handle.js';

/** Out of processes, memory or descriptors for now. Later attempts may succeed, and healthy workers need not know. */
const TRANSIENT: ReadonlySet<unknown> = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']);
/** Milliseconds between attempts: the first, and the longest. */
const RETRY = { first: 50, longest: 1_000 } as const;
/** Milliseconds between the end of a worker's channel and that of the worker, at the most, where the one is part of the other. */
const DEAF = 1_500;
export interface StarterContext {
  readonly settings: Settings;
  readonly system: System;
  readonly delays: Delays;
  readonly log: Log;
  /** What every worker inherits; none that a hosted program asks for by itself. */
  readonly listeners: readonly OpenListener[];
  /** Whether a worker accepts from a queue that its successor has not asked for. */
  abandoned(handle: WorkerHandle): boolean;
  readonly releases: Releases;
  /** What the worker shares with those that stand in line with it, until {@link leave}; `undefined` where none does. */
  place(): BoardPlace | undefined;
  /** `undefined`: workers count nothing. */
  readonly lines: Lines | undefined;
  /** The worker is gone, or never came to be. Idempotent. */
  leave(place: BoardPlace): void;
  hear(handle: WorkerHandle, message: Heard): void;
  /** A worker became ready, drains, or is gone. */
  changed(handle: WorkerHandle): void;
  /** The process exists; its exit is already watched. Resolves with false when the worker must not be counted on. */
  spawned(handle: WorkerHandle): Promise<boolean>;
  /** A worker of a fleet that stops accepts no more. */
  closed(): void;
  exited(handle: WorkerHandle, exit: WorkerExit): void;
}

/** One attempt to fill a slot. */
export interface Start {
  readonly handle: WorkerHandle;
  /**
   * True when the worker is ready and its `onChildSpawn` has run; false when it ended before that or the fleet stops.
   * Rejects when no process could be started.
   */
  readonly ready: Promise<boolean>;
  /**
   * Settles when the worker was not ready in time and may not be killed. It lives, and `ready` still waits for it: it may become ready, or
   * end by itself.
   */
  readonly stuck: Promise<PreforkError>;
}

/** {@link Start.ready} for a caller that does not wait for a worker that is stuck: rejects with why. */
export async function readyInTime({ ready, stuck }: Pick<Start, 'ready' | 'stuck'>): Promise<boolean> {
  const first = await Promise.race([ready, stuck]);
  if (typeof first !== 'boolean') throw first;
  return first;
}

/** What is heard of the worker while it boots. */
interface Boot {
  readonly readiness: Deferred<boolean>;
  readonly stuck: Deferred<PreforkError>;
}

/** What a worker inherits. */
type Given = Pick<Launch, 'listeners' | 'board' | 'scoreboard'>;

export class Starter {
  readonly #context: StarterContext;
  /** What workers are given. */
  tls: InitMessage['tls'];
  /** The hint is logged once for a fleet: every worker of every generation runs the same program, more or less. */
  #hinted = false;
  /** What those of the generation are given that a reload brings. */
  #next: { readonly generation: number; readonly tls: InitMessage['tls'] } | undefined;

  constructor(context: StarterContext) {
    this.#context = context;
  }

  prepare(generation: number, tls: InitMessage['tls']): void {
    this.#next = { generation, tls };
  }

  /** Whether what was prepared is what all are given from now on. */
  decide(good: boolean): void {
    if (good && this.#next !== undefined) this.tls = this.#next.tls;
    this.#next = undefined;
  }

  start(place: WorkerPlace): Start {
    const { system, log, listeners, lines } = this.#context;
    const readiness = deferred<boolean>();
    const stuck = deferred<PreforkError>();
    const leases = new Leases(listeners, place.generation);
    const board = this.#context.place();
    const line = lines?.take();
    const handle = new WorkerHandle(place, () => system.now(), {
      ready: () => readiness.resolve(true),
      handlesSigterm: () => this.#hint(),
      draining: (signal) => {
        log.warn(`${handle} got ${signal}, from itself or another process, and drains`, {
          event: 'drain',
          worker: handle.info,
          signal,
        });
        const timer = system.after(GROUP_RACE, () => handle.alone());
        void handle.done.then(() => timer.cancel());
      },
      hear: (message) => this.#context.hear(handle, message),
      changed: () => {
        if (handle.state === 'ready') leases.serve();
        this.#context.changed(handle);
      },
      closed: () => this.#context.closed(),
      cut: () => {
        // A child of a commandProducer that never had the channel says so by itself, when its program comes to it.
        const never = handle.state === 'starting' && this.#context.settings.commandProducer !== undefined;
        if (!never) this.#untilDeaf(handle);
      },
      trouble: (what) => log.error(`${handle} ${what}`, { worker: handle.info, reason: what }),
      exit: (exit) => this.#context.exited(handle, exit),
    });
    handle.superseded = () => leases.superseded || this.#context.abandoned(handle);
    handle.lease = (listener) => leases.take(listener);
    handle.line = line;
    const scoreboard = line && (line.place ?? null);
    const ready = this.#spawnAndWait(handle, { readiness, stuck }, { listeners: leases.listeners, board, scoreboard });
    const release = (): void => {
      if (board !== undefined) this.#context.leave(board);
      if (line !== undefined) lines?.leave(line);
      leases.release();
    };
    void handle.gone.then(release);
    // No process, no exit: it could not be started, or the fleet stops before the next attempt.
    const settled = (): void => {
      if (handle.pid !== 0) return;
      handle.letGo();
      release();
    };
    ready.then(settled, settled);
    return { handle, ready, stuck: stuck.promise };
  }

  #hint(): void {
    if (this.#hinted) return;
    this.#hinted = true;
    this.#context.log.info(
      'the program has handlers for SIGTERM, which no drain calls: the master stops and replaces workers without a signal. ' +
        'Clean up when worker.signal aborts, or behind prefork()',
      { event: 'warning' },
    );
  }

  /** The kernel reports the end of a worker a moment after that of its channel; on a busy machine the moment is long. */
  #untilDeaf(handle: WorkerHandle): void {
    const timer = afterStall(this.#context.system, DEAF, DEAF, () => handle.deaf());
    void handle.done.then(() => timer.cancel());
  }

  async #spawnAndWait(handle: WorkerHandle, { readiness, stuck }: Boot, given: Given): Promise<boolean> {
    const { settings, system } = this.#context;
    const { tls } = this.#next?.generation === handle.place.generation ? this.#next : this;
    const process = await this.#spawn(handle, given);
    if (process === undefined) return false;
    handle.attach(process, {
      type: 'init',
      listeners: inheritedSockets(given.listeners, handle.place.slot).wires,
      ...(tls === undefined ? {} : { tls }),
    });
    const counted = this.#context.spawned(handle);
    if (settings.readiness === 'spawn') handle.becomeReady();
    // From now: a shortage may have lasted nearly as long, and the program is not to blame for it.
    const timer = system.after(settings.readyTimeout, () => this.#killLate(handle, stuck));
    void handle.done.then(() => readiness.resolve(false));
    const ready = await readiness.promise;
    timer.cancel();
    // One that has ended needs no hook to settle: its slot may be waiting for another attempt.
    return ready && (await Promise.race([counted, handle.gone.then(() => false)]));
  }

  /** `undefined`: the fleet stops. */
  async #spawn(handle: WorkerHandle, given: Given): Promise<WorkerProcess | undefined> {
    const { settings, system, releases, delays, log } = this.#context;
    const deadline = system.now() + settings.readyTimeout;
    const launch: Omit<Launch, keyof ReleaseLaunch> = {
      fleet: settings.name,
      ...handle.place,
      ...given,
      asks: settings.launch.hosted !== undefined || settings.cluster,
      adopts: settings.sharing === 'sharded',
      diesWithMaster: settings.onMasterDeath === 'kill',
      commandProducer: settings.commandProducer,
      ...(shapesLines(settings) && { shape: await shapeOf(settings, handle.place) }),
    };
    for (let pause: number = RETRY.first; ; pause = Math.min(2 * pause, RETRY.longest)) {
      try {
        return await system.spawn({ ...launch, ...releases.of(handle.place.generation) }, handle);
      } catch (thrown) {
        const error = isTransient(thrown) ? explained(thrown, undefined) : thrown;
        if (!isTransient(error) || system.now() + pause >= deadline)
          throw isError(error) ? error : notStarted(handle.place.slot, error);
        log.warn(
          `slot ${handle.place.slot}: ${inWords(error)}; the machine is short of resources, trying again in ${pause} ms`,
          { event: 'spawn', worker: handle.info, error },
        );
        if (!(await delays.sleep(pause))) return undefined;
      }
    }
  }

  get #question(): string {
    const { hosted } = this.#context.settings.launch;
    if (hosted === undefined) return 'does the program reach prefork(), and does its server listen?';
    const { waitReady } = JSON.parse(hosted) as HostedProgram;
    return waitReady ? "does the program call process.send('ready')?" : 'does the program reach its listen()?';
  }

  #killLate(handle: WorkerHandle, stuck: Deferred<PreforkError>): void {
    const { readyTimeout } = this.#context.settings;
    if (handle.state === 'exited' || handle.life.requested) return;
    const fault = `was not ready within ${readyTimeout} ms`;
    this.#context.log.error(`${handle} ${fault} and is killed; ${this.#question}`, {
      event: 'kill',
      worker: handle.info,
      reason: fault,
    });
    const failure = handle.killFor(fault);
    // Its exit may never come.
    if (failure instanceof Error) {
      handle.spare();
      const message = `${handle} ${fault}, and cannot be killed: ${inWords(failure)}`;
      stuck.resolve(new PreforkError('ERR_PREFORK_BOOT_FAILED', message, { cause: failure }));
    }
  }
}

function shapesLines({ logFormat, launch: { linePrefix, stdio } }: Settings): boolean {
  return (linePrefix !== undefined || logFormat === 'json') && stdio.includes('pipe');
}

/** Loaded late: most masters pass no line on, or each as it is. */
async function shapeOf({ name, launch }: Settings, place: WorkerPlace): Promise<Launch['shape']> {
  const { shapeOfLines } = await import('../../common/worker-lines.js');
  return shapeOfLines(launch.linePrefix, { fleet: name, ...place });
}

function isTransient(error: unknown): boolean {
  try {
    const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } | null };
    return TRANSIENT.has(error instanceof PreforkError ? cause?.code : code);
  } catch {
    // What a commandProducer threw cannot be looked at.
    return false;
  }
}
