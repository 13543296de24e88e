/**
 * In the primary: what its workers listen on. Each address is opened once, and closed when no worker has it. The workers stand in line for its
 * connections.
 */

import { native as addon } from '../addon/addon.js';
import { isLinux } from '../addon/narrow.cjs';
import type { BoardPlace } from '../addon/native.cjs';
import { after as afterwards, type Timer } from '../common/timers.js';
import type { Asking } from '../master/addresses/address.js';
import { Addresses } from '../master/addresses/addresses.js';
import { type AcceptLine, formLine, type InLine } from '../master/monitors/accept-line.js';
import type { WorkerMessage } from '../protocol/protocol.cjs';
import { HELD } from '../system/listeners/held-here.js';
import { openListeners } from '../system/listeners/open.js';
import type { OpenListener } from '../system/open-listener.js';
import { queuesOf } from '../system/posix/queues.js';

/**
 * Milliseconds for which an address stays open whose last worker has died: what connects meanwhile waits for the next one, which the
 * program forks when it hears of the death.
 */
const SUCCESSION = 5_000;
/** A worker that was forked so many milliseconds ago, and has asked for nothing yet, may be that one: some programs take long to boot. */
const BOOT = 30_000;

/** The worker's program hears what went wrong as the 'error' of its server. */
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** No timer keeps the primary alive. */
const after = (ms: number, action: () => void): Timer => afterwards(ms, action, false);

/** A worker of the primary. */
export interface Member extends Asking, InLine {
  /** All workers have been asked to disconnect. */
  stop(): void;
}

export class Listeners {
  readonly #open: OpenListener[] = [];
  readonly #addresses: Addresses;
  readonly #members = new Set<Member>();
  /** Those that have asked for nothing yet, and since when they could. */
  readonly #silent = new Map<Member, number>();
  readonly #line: AcceptLine | undefined;
  #timer: Timer | undefined;
  /** How long addresses without workers wait at the most, also where other workers are forked meanwhile. */
  #until: number | undefined;

  constructor() {
    const { features } = addon;
    const native = isLinux(addon) && { openBoard: addon.makeBoard, queues: queuesOf(addon) };
    const system = { after, features, program: process, ...native };
    const fleet = { listeners: this.#open, workers: this.#members };
    this.#line = formLine(system, { sharing: 'shared', readiness: 'listening', listen: [] }, SILENT, fleet);
    this.#addresses = new Addresses({
      settings: { sharing: 'shared', launch: { uid: undefined, gid: undefined } },
      system: {
        after,
        openListeners: (plans, sharing, slots, log) =>
          openListeners(plans, { native: addon, sharing, slots, log, env: {}, pid: process.pid, held: HELD }),
      },
      log: SILENT,
      listeners: this.#open,
      opened: (listener) => this.#line?.opened(listener),
      closing: (listener) => this.#line?.closing(listener),
      ending: () => false,
    });
    process.once('exit', () => {
      for (const listener of this.#open) listener.close();
    });
  }

  /** Every worker has been asked to disconnect: what is idle need not wait for its next request. */
  stop(): void {
    for (const member of this.#members) member.stop();
  }

  /** A place in the line, for a worker that is about to be started. */
  join(worker: Member): BoardPlace | undefined {
    this.#members.add(worker);
    this.#silent.set(worker, performance.now());
    return this.#line?.place();
  }

  /** The worker is ready to accept. */
  ready(worker: Member): void {
    this.#line?.changed(worker);
  }

  /** The process is gone, or never came to be. */
  gone(worker: Member, place: BoardPlace | undefined): void {
    this.#silent.delete(worker);
    if (!this.#members.delete(worker)) return;
    if (place !== undefined) this.#line?.leave(place);
    this.#line?.changed(worker);
  }

  hear(worker: Member, message: Extract<WorkerMessage, { type: 'wants-listener' | 'released-listener' }>): void {
    this.#silent.delete(worker);
    this.#addresses.hear(worker, message);
  }

  /** @param asked The worker was asked to go: the program wants no other in its place. */
  left(worker: Member, asked: boolean): void {
    this.#silent.delete(worker);
    this.#addresses.forget(worker);
    this.#timer?.cancel();
    if (asked) {
      this.#closeUnused();
      return;
    }
    this.#until ??= performance.now() + SUCCESSION + BOOT;
    this.#awaitSuccessor();
  }

  #awaitSuccessor(): void {
    this.#timer = after(SUCCESSION, () => {
      const now = performance.now();
      const boots = [...this.#silent.values()].some((since) => now - since < BOOT);
      if (boots && now < (this.#until ?? 0)) this.#awaitSuccessor();
      else this.#closeUnused();
    });
  }

  #closeUnused(): void {
    this.#until = undefined;
    this.#addresses.closeUnused();
  }
}
