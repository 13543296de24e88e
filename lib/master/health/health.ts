/**
 * What a fleet shows to the outside: the service manager is notified, probes and Prometheus are answered. The master loads this file when there is
 * one of them.
 */

import type { OpenListener } from '../../system/open-listener.js';
import type { ReloadResult } from '../../types.js';
import type { WorkerHandle } from '../workers/worker-handle.js';
import type { Endpoint } from './endpoint.js';
import type { FleetView } from './fleet-view.js';
import { Pulse } from './pulse.js';
import { joinServiceManager, type Member } from './service-manager.js';

interface Parts {
  readonly pulse: Pulse;
  readonly member: Member | undefined;
  readonly endpoint: Endpoint | undefined;
  readonly keptFor: string | undefined;
}

export class Health {
  readonly #member: Member | undefined;
  readonly #endpoint: Endpoint | undefined;
  readonly #pulse: Pulse;
  /** The name of the fleet, if the service manager keeps listeners. */
  readonly keptFor: string | undefined;

  constructor({ pulse, member, endpoint, keptFor }: Parts) {
    this.#pulse = pulse;
    this.#member = member;
    this.#endpoint = endpoint;
    this.keptFor = keptFor;
  }

  /** Every listener of the start is open. */
  began(listeners: readonly OpenListener[]): void {
    this.#member?.began(listeners);
  }

  opened(listener: OpenListener): void {
    this.#member?.opened(listener);
  }

  /** It is about to be closed, while the fleet goes on. */
  closing(listener: OpenListener): void {
    this.#member?.closing(listener);
  }

  /** A worker became ready, drains, or is gone. */
  changed(): void {
    this.#member?.changed();
    this.#endpoint?.changed();
  }

  /** The event loop of a worker has turned. */
  answered(handle: WorkerHandle): void {
    this.#pulse.answered(handle);
    this.#member?.answered();
  }

  /** The fleet has another state. */
  turned(result?: ReloadResult): void {
    this.#member?.turned(result);
  }

  /** The fleet is to stop: it serves on, and is over within so many milliseconds. */
  leaving(ms: number): void {
    this.#member?.leaving(ms);
  }

  /** From here on no client gets in. */
  ending(ms: number, error: unknown): void {
    this.#member?.ending(ms, error);
  }

  /** Every worker is gone. */
  over(): void {
    this.#member?.over();
    this.#endpoint?.close();
  }
}

/** @throws what keeps the endpoint of the option `metrics` from being opened. */
export async function openHealth(view: FleetView, env: NodeJS.ProcessEnv = process.env): Promise<Health> {
  const pulse = new Pulse(view.workers, () => view.system.now());
  const { metrics } = view.settings;
  const endpoint = metrics && new (await import('./endpoint.js')).Endpoint(view, metrics, pulse);
  const member = joinServiceManager(view, pulse, env);
  const keptFor = (await member?.storage()) === true ? view.settings.name : undefined;
  const health = new Health({ pulse, member, endpoint, keptFor });
  try {
    await endpoint?.open();
    return health;
  } catch (error) {
    member?.ending(0, error);
    health.over();
    throw error;
  }
}
