/** Inside a worker: adopt the listeners, serve, report ready, drain, end. */

import { getEventListeners } from 'node:events';
import type { Server, Socket } from 'node:net';
import { prepare } from '../boot/boot.cjs';
import type { Preloaded, WorkerIdentity } from '../boot/identity.cjs';
import { deferred } from '../common/deferred.js';
import { PreforkError } from '../common/errors.js';
import type { Log } from '../common/log.js';
import type { Settings } from '../options/settings.js';
import { leftOf } from '../protocol/deadlines.js';
import type { DrainReason, InitMessage, MasterMessage, WireListener, WorkerMessage } from '../protocol/protocol.cjs';
import { monotonic } from '../protocol/scoreboard.js';
import type { Listener } from '../types.js';
import { Admission } from './accepting/admission.js';
import type { Adoptions } from './accepting/adoptions.js';
import { Context, type Material } from './context.js';
import { Departure } from './departure.js';
import { Deadline } from './drain/deadline.js';
import { Drain } from './drain/drain.js';
import { endInTime } from './end-in-time.js';
import { endFailedBoot } from './failed-boot.js';
import { closeInspector, inspectorPort } from './inspector-port.js';
import { callLateListeners } from './late-abort.js';
import type { WorkerLimits } from './limits.js';
import { ORPHAN_EXIT_CODE, onMasterDied, watchPolicy } from './master-death.js';
import { Scoreboard } from './scoreboard/scoreboard.js';
import { quietTurns } from './serve.js';
import type { Service } from './service.js';
import type { WorkerChannel, WorkerSystem } from './system/worker-system.js';
import { workerLog } from './worker-log.js';

/** Kept on the identity: another copy of the package in the same program may hold the other fleets. */
export function drainedOf(identity: WorkerIdentity): NonNullable<WorkerIdentity['drained']> {
  identity.drained ??= deferred();
  return identity.drained;
}

/** What a worker goes by. */
export type WorkerSettings = Pick<
  Settings,
  'logger' | 'logFormat' | 'sharing' | 'gracePeriod' | 'exitAfterDrain' | 'recycle' | 'onMasterDeath'
>;

export class Worker {
  readonly #identity: WorkerIdentity;
  readonly #settings: WorkerSettings;
  readonly #system: WorkerSystem;
  readonly #service: Service;
  readonly #log: Log;
  readonly #drain: Drain;
  readonly #admission: Admission;
  readonly #deadline: Deadline;
  readonly #departure: Departure;
  readonly #abort = new AbortController();
  readonly #init = deferred<InitMessage>();
  readonly #calledReady = deferred();
  readonly #ready = deferred();
  /** Settles when the worker has to leave before `serve` is done, and its servers are known nevertheless. */
  readonly #cutShort = deferred();
  /** `serve` is done, well or not: from then on all servers are known. */
  #served = false;
  #state: 'booting' | 'ready' | 'draining' = 'booting';
  #masterDied = false;
  #channel: WorkerChannel | undefined;
  /** `undefined`: it counts nothing. */
  #scoreboard: Scoreboard | undefined;
  #preloaded: Preloaded | undefined;
  #context: Context | undefined;
  #tls: Material | undefined;
  #adoptions: Adoptions | undefined;
  #recycling: WorkerLimits | undefined;
  /** Why it wants a successor, said before it was ready. */
  #wish: string | undefined;
  /** Messages in the same chunk as `init`, ahead of the context. */
  #early: unknown[] = [];

  constructor(identity: WorkerIdentity, settings: WorkerSettings, system: WorkerSystem, service: Service) {
    this.#identity = identity;
    this.#settings = settings;
    this.#system = system;
    this.#service = service;
    this.#log = workerLog(settings, identity);
    const counts = identity.scoreboard !== undefined;
    this.#drain = new Drain(
      system.activity,
      (server, change) => {
        this.#scoreboard?.connection(change);
        this.#admission.counted(server, change);
      },
      counts ? (change) => this.#scoreboard?.requests(change) : undefined,
    );
    this.#admission = new Admission({
      system,
      drain: this.#drain,
      log: this.#log,
      sharing: settings.sharing,
      board: identity.board,
      send: (message) => this.#channel?.send(message),
      succeed: (reason) => this.#askForSuccessor(reason),
    });
    this.#deadline = new Deadline({ drain: this.#drain, log: this.#log, watch: () => this.#preloaded?.watch });
    this.#departure = new Departure({
      queues: system,
      drain: this.#drain,
      deadline: this.#deadline,
      admission: this.#admission,
      abort: this.#abort,
      stoppedAccepting: () => this.#channel?.send({ type: 'stopped-accepting' }),
    });
  }

  /** False when the master cannot be reached. */
  say(message: WorkerMessage): boolean {
    return this.#channel?.send(message) ?? false;
  }

  get draining(): boolean {
    return this.#state === 'draining';
  }

  /** No server listens on what the program has asked for. */
  disown({ index }: WireListener): void {
    if (index !== undefined) this.#adoptions?.disown(index);
  }

  /**
   * The program leaves by itself: settles when it has finished what it accepted, and first what is queued.
   * @param timeout Milliseconds until what is left is cut; `Infinity`: for as long as it takes.
   */
  async depart(reason: DrainReason, timeout: number): Promise<void> {
    await this.#ready.promise;
    this.#departure.decided();
    this.#beginDrain(reason, timeout, 0, true);
    await this.#drain.finished;
  }

  /** The program has given a connection to another process. */
  release(socket: Socket): void {
    this.#drain.release(socket);
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#drain.connections;
  }

  /** The channel is open when it returns, and before anything is awaited. */
  async run(): Promise<void> {
    const booted = this.#boot().catch((error: unknown) => this.#failBoot(error));
    await Promise.race([booted, this.#cutShort.promise]);
    this.#drain.allTracked();
    await this.#drain.finished;
    // It was not ready, and `serve` may take for ever.
    if (!this.#served) process.exit();
    this.#scoreboard?.over();
    // Nothing of ours keeps the process alive any more; the deadline stays, for what the app keeps open.
    this.#channel?.unref();
    endInTime();
    drainedOf(this.#identity).resolve();
    const { exitAfterDrain } = this.#settings;
    this.#service.leave({ log: this.#log, exitAfterDrain, left: () => this.#deadline.left });
  }

  async #boot(): Promise<void> {
    const preloaded = this.#identity.preloaded ?? prepare(this.#identity, this.#system.boot);
    this.#preloaded = preloaded;
    preloaded.onMasterDeath = () => onMasterDied(this.#settings, this.#log, () => this.#orphaned());
    preloaded.watch.configure(watchPolicy(this.#settings));
    if (this.#service.ownsSignals !== true) process.on('SIGTERM', () => this.#onSigterm());
    const channel = this.#openChannel();
    this.#channel = channel;
    if (this.#service.mayEnd) channel.unref();
    this.#scoreboard = this.#openScoreboard(channel);
    preloaded.reportVia(
      (message) => channel.send(message),
      (bytes) => channel.sendRaw(bytes),
    );

    const { listeners: wires, tls } = await this.#init.promise;
    const listeners = this.#system.adopt(wires);
    this.#tls = tls && { options: tls, read: false };
    this.#context = new Context(this.#identity, {
      listeners,
      tls: this.#tls,
      signal: callLateListeners(this.#abort.signal),
      send: (data) => channel.send({ type: 'message', data }),
      hearing: (messages) => channel.send({ type: 'changed-hearing', messages }),
      warn: (text) => this.#log.warn(text),
      ready: () => this.#calledReady.resolve(),
      succeed: (reason) => this.#askForSuccessor(reason),
    });
    this.#identity.context = this.#context;
    for (const data of this.#early.splice(0)) this.#context.deliver(data);
    await this.#serve(this.#context, wires);
    this.#served = true;
    await quietTurns();
    this.#becomeReady(listeners, wires);
  }

  #openScoreboard(channel: WorkerChannel): Scoreboard | undefined {
    const { scoreboard: place } = this.#identity;
    if (place === undefined) return undefined;
    const { openScoreboard: open, timeTurns } = this.#system;
    return new Scoreboard({ place, log: this.#log, open, timeTurns, send: (message) => channel.send(message) });
  }

  #openChannel(): WorkerChannel {
    const channel = this.#system.openChannel(this.#identity, {
      message: (message) => this.#onMessage(message),
      // The death of the master is the watch's to notice: it also works while the event loop is blocked.
      close: () => {},
      garbage: (line) => this.#log.warn(`ignored a control message that makes no sense: ${line}`),
      full: (waiting) => {
        const megabytes = (waiting / 1024 / 1024).toFixed(1);
        this.#log.warn(
          `the master does not read its messages: ${megabytes} MB wait, and send() is false until it has read some of them`,
        );
      },
    });
    if (channel !== undefined) return channel;
    throw new PreforkError(
      'ERR_PREFORK_INHERITED_LISTENER',
      `This process is marked as worker ${this.#identity.slot} of fleet '${this.#identity.fleet}' but has no control channel` +
        `${this.#identity.controlFd === undefined ? '' : ` on descriptor ${this.#identity.controlFd}`}; ` +
        'most likely a commandProducer did not pass `command.stdio` to spawn',
    );
  }

  async #serve(context: Context, wires: readonly WireListener[]): Promise<void> {
    await this.#watchLimits();
    const tracked = new Set<Server>();
    const [drain, admission, log] = [this.#drain, this.#admission, this.#log];
    await this.#service.serve({
      ...{ context, wires, drain, admission, log },
      tls: this.#tls,
      calledReady: this.#calledReady.promise,
      booting: () => this.#state === 'booting',
      track: (server) => {
        if (tracked.has(server)) return;
        tracked.add(server);
        drain.track(server);
        admission.track(server);
        this.#recycling?.track(server);
        // Its listen(2) has changed the backlog for all workers, and this one may take long until it is ready.
        this.#system.restoreBacklogs(context.listeners, wires, log);
      },
      adopt: async (servers, asked) => {
        const channel = this.#identity.adoptionFd;
        if (channel === undefined) return;
        this.#adoptions = await this.#system.adoptions({ channel, drain, admission, log, wires, servers, asked });
      },
    });
  }

  /** Loaded late: a fleet without limits does without. */
  async #watchLimits(): Promise<void> {
    const { recycle } = this.#settings;
    if (recycle?.maxRequests === undefined && recycle?.maxRss === undefined) return;
    const { WorkerLimits } = await import('./limits.js');
    this.#recycling = new WorkerLimits({
      settings: recycle,
      enough: (reason) => this.#askForSuccessor(reason),
    });
  }

  /** The worker serves until its successor does. A wish that comes while it boots waits: only who serves can be replaced. */
  #askForSuccessor(reason: string): void {
    if (this.#state === 'booting') this.#wish ??= reason;
    else if (this.#state === 'ready') this.#channel?.send({ type: 'wants-replacement', reason });
  }

  #becomeReady(listeners: readonly Listener[], wires: readonly WireListener[]): void {
    this.#preloaded?.booted();
    if (this.#state !== 'booting') return;
    this.#system.restoreBacklogs(listeners, wires, this.#log);
    const { sharing, onMasterDeath } = this.#settings;
    if (sharing === 'sharded' && onMasterDeath === false) this.#system.hear?.();
    this.#state = 'ready';
    this.#ready.resolve();
    this.#drain.allTracked();
    const inLine = this.#identity.board !== undefined;
    this.#channel?.send({
      type: 'became-ready',
      pid: process.pid,
      ...(inLine && { inLine }),
      ...(this.#handlesSigterm && { handlesSigterm: true }),
    });
    this.#admission.ready();
    if (this.#wish !== undefined) this.#askForSuccessor(this.#wish);
  }

  #onMessage(message: MasterMessage): void {
    switch (message.type) {
      case 'init':
        this.#init.resolve(message);
        break;
      case 'drain':
        this.#departure.decided();
        // Before the sockets of this worker are looked at: the other ones have been sealed by the master.
        if (message.reason === 'stop' && this.#system.seal('bound')) this.#departure.seal(message.sealed === true);
        this.#beginDrain(message.reason, this.#timeOf(message), 0, message.queued);
        break;
      case 'alone':
        this.#departure.decided();
        break;
      case 'adopt':
        if (this.#adoptions?.take(message) === false)
          this.#channel?.send({ type: 'adoption-failed', slot: message.slot });
        // The last order of a master that has died meanwhile.
        else if (this.#masterDied) this.#departure.seal(this.#system.seal('all'));
        break;
      case 'release':
        this.#adoptions?.release(message.slot);
        break;
      case 'look':
        this.#admission.look();
        break;
      case 'ping':
        this.#channel?.send({ ...message, type: 'answered', ...inspectorPort() });
        break;
      case 'close-inspector':
        // Where there is none there is nothing to close.
        closeInspector(message.before).catch(() => {});
        break;
      case 'message':
        if (this.#context === undefined) this.#early.push(message.data);
        else this.#context.deliver(message.data);
        break;
    }
  }

  #timeOf({ timeout = this.#settings.gracePeriod, at }: Extract<MasterMessage, { type: 'drain' }>): number {
    return at === undefined ? timeout : leftOf(timeout, monotonic() - at);
  }

  /** The program cleans up in handlers of SIGTERM, as far as can be known: a drain does not call them. */
  get #handlesSigterm(): boolean {
    if (this.#service.hearsOfDrain) return false;
    return process.listenerCount('SIGTERM') > 1 && getEventListeners(this.#abort.signal, 'abort').length === 0;
  }

  #onSigterm(): void {
    if (this.#state === 'draining') return;
    const { gracePeriod } = this.#settings;
    if (this.say({ type: 'began-draining', signal: 'SIGTERM' })) this.#departure.expectOrder(gracePeriod);
    this.#beginDrain('stop', gracePeriod, 0);
  }

  #orphaned(): void {
    this.#masterDied = true;
    this.#departure.decided();
    this.#departure.seal(this.#system.seal('all'));
    this.#beginDrain('stop', this.#deadline.left ?? this.#settings.gracePeriod, ORPHAN_EXIT_CODE);
  }

  /** Also called again: the master may turn a replacement into a stop, or move the deadline. */
  #beginDrain(reason: DrainReason, timeout: number, code: number, queued = reason === 'stop'): void {
    const before = this.#state;
    this.#state = 'draining';
    this.#recycling?.close();
    this.#deadline.set(timeout, code);
    // Not ready, and without a connection: there is nothing to finish, and `serve` may take for ever.
    if (before === 'booting' && !this.#drain.acceptedEarly) {
      this.#abort.abort();
      process.exit();
    }
    this.#service.departs?.(reason);
    this.#departure.begin(reason, timeout, before === 'ready' && queued);
    if (before === 'booting') void this.#drain.acceptedByTracked().then(this.#cutShort.resolve);
  }

  #failBoot(error: unknown): void {
    this.#served = true;
    // The app may close its server when it hears that the fleet stops: that is no failure of the boot.
    if (this.#state === 'draining') return;
    endFailedBoot(error, (message) => this.#channel?.send(message));
  }
}
