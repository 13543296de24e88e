/** In a worker: counts what it has served and looks at its memory, and reports once when that is enough. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { residentMemory } from '../common/memory.js';
import type { RecycleSettings } from '../options/settings.js';
import { isHttp1 } from './drain/http1.js';
import { isHttp2 } from './drain/http2.js';

/** Milliseconds between two looks at the memory while requests come. */
const LOOK = 1_000;
/** The same while none come: what the app does by itself may grow, too. */
const IDLE_LOOK = 10_000;
const MEGABYTE = 1024 * 1024;

export interface RecycleWatchContext {
  readonly settings: Pick<RecycleSettings, 'maxRequests' | 'maxRss' | 'jitter'>;
  /** A limit is reached. Called once. */
  enough(reason: string): void;
  /** Default: the resident memory of this process, in bytes. */
  readonly rss?: () => number | undefined;
  /** From 0 to 1. Default: `Math.random`. */
  readonly random?: () => number;
}

export class WorkerLimits {
  readonly #context: RecycleWatchContext;
  readonly #maxRequests: number;
  readonly #maxRss: number;
  readonly #rss: () => number | undefined;
  readonly #http1 = new Set<Server>();
  readonly #timer: NodeJS.Timeout | undefined;
  #requests = 0;
  #looked = performance.now();
  #over = false;

  constructor(context: RecycleWatchContext) {
    this.#context = context;
    const { maxRequests, maxRss, jitter } = context.settings;
    // Lower for some than for others, so that the workers of a fleet do not reach it together.
    const share = 1 - jitter * (context.random ?? Math.random)();
    this.#maxRequests = Math.max(1, Math.round((maxRequests ?? Number.POSITIVE_INFINITY) * share));
    this.#maxRss = (maxRss ?? Number.POSITIVE_INFINITY) * share;
    this.#rss = context.rss ?? residentMemory;
    if (maxRss !== undefined) this.#timer = setInterval(() => this.#look(), IDLE_LOOK).unref();
    subscribe('http.server.request.start', this.#onHttp1);
  }

  /** A request is what comes over HTTP; for servers of other protocols it is a connection. */
  track(server: Server): void {
    if (isHttp1(server)) this.#http1.add(server);
    if (isHttp2(server)) server.on('stream', () => this.#count());
    else if (!isHttp1(server)) server.on('connection', () => this.#count());
  }

  close(): void {
    this.#over = true;
    clearInterval(this.#timer);
    unsubscribe('http.server.request.start', this.#onHttp1);
  }

  readonly #onHttp1 = (message: unknown): void => {
    const { server } = message as { readonly server: Server };
    if (this.#http1.has(server)) this.#count();
  };

  #count(): void {
    if (this.#over) return;
    this.#requests += 1;
    if (this.#requests >= this.#maxRequests) {
      this.#report(
        `it has served ${this.#requests} requests (recycle.maxRequests ${this.#context.settings.maxRequests})`,
      );
      return;
    }
    if (this.#timer === undefined) return;
    const now = performance.now();
    if (now - this.#looked < LOOK) return;
    this.#looked = now;
    this.#look();
  }

  #look(): void {
    const rss = this.#rss();
    if (rss !== undefined && rss >= this.#maxRss) {
      const [now, limit] = [rss, this.#context.settings.maxRss ?? 0].map((bytes) => (bytes / MEGABYTE).toFixed(1));
      this.#report(`it takes ${now} MB of memory (recycle.maxRss ${limit} MB)`);
    }
  }

  #report(reason: string): void {
    if (this.#over) return;
    this.close();
    this.#context.enough(reason);
  }
}
