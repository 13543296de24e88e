/** What `serve` gets as its second argument. */

import type { SecureContextOptions } from 'node:tls';
import type { WorkerIdentity } from '../boot/identity.cjs';
import type { Listener, WorkerContext } from '../types.js';
import { EarlyMessages } from './early-messages.js';

/** What of a reason goes into a log line. */
const REASON_LENGTH = 200;

/** Certificates of the option `tls`, and whether the program has read them. */
export interface Material {
  readonly options: SecureContextOptions;
  read: boolean;
}

/** How the context reaches the rest of the worker. */
export interface ContextLinks {
  readonly listeners: readonly Listener[];
  readonly tls: Material | undefined;
  readonly signal: AbortSignal;
  /** Throws a TypeError for what JSON cannot carry. */
  send(message: unknown): boolean;
  /** Whether the master may send messages of its user. */
  hearing(messages: boolean): void;
  warn(text: string): void;
  ready(): void;
  /** Asks the master for a successor, in words for its log. */
  succeed(reason: string): void;
}

/** The {@link WorkerContext} of this process, and the way in for the master's messages. */
export class Context implements WorkerContext {
  readonly id: number;
  readonly generation: number;
  readonly masterPid: number;
  readonly listeners: readonly Listener[];
  declare readonly tls?: SecureContextOptions;
  readonly signal: AbortSignal;
  readonly #links: ContextLinks;
  readonly #hearers: ((message: unknown) => void)[] = [];
  /** Messages that arrived before the program listened; `undefined` once it does. */
  #early: EarlyMessages | undefined;

  constructor(identity: WorkerIdentity, links: ContextLinks) {
    this.id = identity.slot;
    this.generation = identity.generation;
    this.masterPid = identity.masterPid;
    this.listeners = links.listeners;
    const { tls } = links;
    if (tls !== undefined) {
      const get = (): SecureContextOptions => {
        tls.read = true;
        return tls.options;
      };
      Object.defineProperty(this, 'tls', { get, enumerable: true });
    }
    this.signal = links.signal;
    this.#links = links;
    this.#early = new EarlyMessages(links);
  }

  ready(): void {
    this.#links.ready();
  }

  retire(reason = ''): void {
    if (typeof reason !== 'string')
      throw new TypeError(`worker.retire(reason): a string is expected; got ${typeof reason}`);
    const words = reason
      .replace(/\p{Cc}+/gu, ' ')
      .slice(0, REASON_LENGTH)
      .trim();
    this.#links.succeed(words === '' ? 'it asked to retire' : `it asked to retire: ${words}`);
  }

  send(message: unknown): boolean {
    return this.#links.send(message);
  }

  on(event: 'message', listener: (message: unknown) => void): this {
    if (event !== 'message') throw new TypeError(`A worker has only the event 'message'; got '${String(event)}'`);
    this.#hearers.push(listener);
    if (this.#hearers.length > 1) return this;
    // Not inside on(): the caller may still be setting up. Until then later messages queue behind the early ones.
    queueMicrotask(() => {
      const early = this.#early?.take() ?? [];
      this.#early = undefined;
      for (const message of early) this.deliver(message);
    });
    return this;
  }

  /** A message of the master. */
  deliver(message: unknown): void {
    if (this.#early !== undefined) {
      this.#early.add(message);
      return;
    }
    for (const hear of [...this.#hearers]) hear(message);
  }
}
