/**
 * Answers probes and Prometheus by HTTP, in the master: it is there before the first worker, and while all of them are blocked. Loaded by
 * masters with the option `metrics` alone.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { reasonOf } from '../../common/in-words.cjs';
import { explained, isSystemError, placeText } from '../../common/system-error.js';
import type { MetricsSettings } from '../../options/metrics.js';
import { type FleetView, served } from './fleet-view.js';
import { prometheusText } from './prometheus.js';
import type { Pulse } from './pulse.js';
import { statusWords } from './status-words.js';

/** Probes and scrapers are few. */
const MOST_CONNECTIONS = 64;
/** Milliseconds that a client has for its request. */
const REQUEST_TIMEOUT = 10_000;

interface Answer {
  readonly code: number;
  readonly text: string;
  readonly type?: string;
}

export class Endpoint {
  readonly #view: FleetView;
  readonly #settings: MetricsSettings;
  readonly #pulse: Pulse;
  readonly #server: Server;
  /** When a question found no worker that serves, and there has been none since. */
  #noneSince: number | undefined;

  constructor(view: FleetView, settings: MetricsSettings, pulse: Pulse) {
    this.#view = view;
    this.#settings = settings;
    this.#pulse = pulse;
    this.#server = createServer(
      { requestTimeout: REQUEST_TIMEOUT, headersTimeout: REQUEST_TIMEOUT },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /** @throws what bind(2) says, with the way out. */
  async open(): Promise<void> {
    const { host, port } = this.#settings;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    }).catch((error: unknown) => {
      const taken = isSystemError(error) && error.code === 'EADDRINUSE';
      const wayOut = taken ? 'another process listens there: choose another port' : 'choose another host or port';
      throw isSystemError(error) ? explained(error, `for the option 'metrics': ${wayOut}`) : error;
    });
    const { address, port: bound } = this.#server.address() as AddressInfo;
    this.#view.log.info(`metrics on http://${placeText(address, bound)}/metrics, probes on /ready and /live`, {
      event: 'listen',
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** A worker has. */
  changed(): void {
    if (served(this.#view) > 0) this.#noneSince = undefined;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { code, text, type = 'text/plain; charset=utf-8' } = await this.#answer(request);
    response.writeHead(code, { 'Content-Type': type, 'Cache-Control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : text);
  }

  async #answer({ method, url = '/' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return { code: 405, text: 'GET and HEAD only\n' };
    switch (url.split('?', 1)[0]) {
      case '/ready':
        return this.#probe(this.#ready());
      case '/live':
        return this.#probe(this.#live());
      case '/metrics':
        return await this.#metrics();
      default:
        return { code: 404, text: '/metrics, /ready and /live\n' };
    }
  }

  #probe(well: boolean): Answer {
    return { code: well ? 200 : 503, text: `${statusWords(this.#view)}\n` };
  }

  async #metrics(): Promise<Answer> {
    try {
      const reading = await this.#view.metrics();
      const present = { ready: this.#ready(), generation: this.#view.generation(), slots: this.#view.slots() };
      return { code: 200, text: prometheusText(reading, present), type: 'text/plain; version=0.0.4; charset=utf-8' };
    } catch (error) {
      return { code: 500, text: `${reasonOf(error)}\n` };
    }
  }

  #ready(): boolean {
    const state = this.#view.state();
    return (state === 'running' || state === 'reloading') && served(this.#view) > 0;
  }

  /**
   * Every question asks the workers, and is answered by what is known by then: it waits for no worker. Before and after the fleet serves, its
   * own deadlines bound what it does.
   */
  #live(): boolean {
    const state = this.#view.state();
    if (state !== 'running' && state !== 'reloading') return true;
    const now = this.#view.system.now();
    this.#noneSince ??= now;
    const silence = this.#pulse.silence ?? now - this.#noneSince;
    this.#pulse.ask();
    return silence < this.#settings.liveTimeout;
  }
}
