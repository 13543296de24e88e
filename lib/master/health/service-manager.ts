/**
 * The service manager that started this process, by sd_notify(3): the master reports when the service is ready, reloads and stops. There is one
 * manager for a process, so the fleets of a program report together.
 */

import { reasonOf } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import type { OpenListener } from '../../system/open-listener.js';
import { STORED } from '../../system/stored-name.js';
import type { System } from '../../system/system.js';
import type { ReloadResult } from '../../types.js';
import type { FleetView } from './fleet-view.js';
import { forget, KeptListeners, type Store } from './kept-listeners.js';
import { NoticeOutbox } from './outbox.js';
import type { Pulse } from './pulse.js';
import { statusWords } from './status-words.js';
import { storesDescriptors } from './storage.js';
import { Watchdog, type Watched, watchdogFor } from './watchdog.js';

/** Milliseconds beyond what the master allows its workers: for hooks, and a busy machine. */
const MARGIN_MS = 10_000;

type Phase = 'starting' | 'ready' | 'reloading' | 'stopping';

/** What the manager has given this process. */
export interface Given {
  readonly address: string;
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
}

/** One fleet. */
export class Member implements Watched {
  readonly view: FleetView;
  readonly pulse: Pulse;
  readonly #manager: ServiceManager;
  readonly #kept: KeptListeners;
  /** What went wrong last. */
  trouble: string | undefined;
  /** Why it ends. */
  error: unknown;
  /** Milliseconds that its end may take. */
  endsWithin = 0;

  constructor(view: FleetView, pulse: Pulse, manager: ServiceManager, kept: KeptListeners) {
    this.view = view;
    this.pulse = pulse;
    this.#manager = manager;
    this.#kept = kept;
  }

  get log(): Log {
    return this.view.log;
  }

  serves(): boolean {
    const state = this.view.state();
    return state === 'running' || state === 'reloading';
  }

  slots(): number {
    return this.view.slots();
  }

  began(listeners: readonly OpenListener[]): void {
    this.#kept.began(listeners);
  }

  opened(listener: OpenListener): void {
    this.#kept.opened(listener);
  }

  closing(listener: OpenListener): void {
    this.#kept.closing(listener);
  }

  /** Whether the service manager keeps listeners. */
  storage(): Promise<boolean> {
    return this.#manager.storage();
  }

  /** Whether the service manager keeps something under the name that workers of the fleet may still ask for. */
  awaits(name: string): boolean {
    return this.#kept.awaits(name);
  }

  /** All fleets are. */
  ready(): void {
    this.#kept.ready();
  }

  /** A worker has. */
  changed(): void {
    this.#manager.changed();
  }

  /** The event loop of a worker has turned. */
  answered(): void {
    this.#manager.answered();
  }

  /** The fleet has another state. */
  turned(result?: ReloadResult): void {
    if (result !== undefined) {
      const { error } = result;
      this.trouble = error === undefined ? undefined : `the last reload failed: ${reasonOf(error)}`;
    }
    this.#manager.update();
  }

  /** The fleet is to stop, and is over within so many milliseconds. */
  leaving(ms: number): void {
    this.endsWithin = ms;
    this.#manager.update();
  }

  ending(ms: number, error: unknown): void {
    this.#kept.end();
    this.error = error;
    if (error !== undefined) this.trouble = `because ${reasonOf(error)}`;
    this.leaving(ms);
  }

  over(): void {
    this.#manager.leave(this);
  }
}

export class ServiceManager {
  readonly #given: Given;
  readonly #outbox: NoticeOutbox;
  readonly #watchdog: Watchdog | undefined;
  readonly #members = new Set<Member>();
  readonly #store: Store;
  readonly #system: FleetView['system'];
  #storage: Promise<boolean> | undefined;
  #phase: Phase | undefined;
  #status = '';
  #due = false;
  #stopping = false;

  constructor(given: Given, notify: NonNullable<System['notify']>, { system, log }: Pick<FleetView, 'system' | 'log'>) {
    const { address, env, pid } = given;
    this.#given = given;
    this.#system = system;
    this.#outbox = new NoticeOutbox(address, notify, system, log);
    const found: Set<string> = env['LISTEN_PID'] === String(pid) ? storedNames(env) : new Set();
    this.#store = { found, most: Number(env['FDSTORE'] ?? Number.POSITIVE_INFINITY), used: found.size };
    const allowed = watchdogFor(env, pid, log);
    const beat = (): void => this.#outbox.send(['WATCHDOG=1'], { passing: true });
    if (allowed !== undefined) this.#watchdog = new Watchdog(allowed, system, this.#members, beat);
  }

  /** Whether it stores descriptors. */
  storage(): Promise<boolean> {
    const { address, env } = this.#given;
    const { found, most } = this.#store;
    const known = env['FDSTORE'] !== undefined || found.size > 0;
    this.#storage ??= known ? Promise.resolve(most > 0) : storesDescriptors({ address, system: this.#system });
    return this.#storage;
  }

  get empty(): boolean {
    return this.#members.size === 0;
  }

  join(view: FleetView, pulse: Pulse): Member {
    const member = new Member(view, pulse, this, new KeptListeners(view, this.#outbox, this.#store));
    this.#members.add(member);
    this.update();
    return member;
  }

  /** Everything of it is over. */
  leave(member: Member): void {
    if (this.#members.size > 1) this.#members.delete(member);
    this.update();
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#watchdog?.end();
    this.#outbox.close();
  }

  /** Several workers often change in one turn. */
  changed(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      if (this.#members.size === 0) return;
      this.update(true);
      this.#watchdog?.look();
    });
  }

  answered(): void {
    this.#watchdog?.look();
  }

  /** @param moved A worker was started, became ready, or is gone: it goes on. */
  update(moved = false): void {
    const before = this.#phase;
    const phase = this.#now();
    this.#phase = phase;
    const status = this.#words();
    const lines = phase === before ? [] : this.#turnedTo(phase);
    if (status !== this.#status) lines.push(`STATUS=${status}`);
    this.#status = status;
    if (moved || phase !== before) lines.push(...this.#extension(phase));
    if (lines.length > 0) this.#outbox.send(lines, { passing: phase === before });
    if (phase === 'ready') this.#ready();
  }

  #now(): Phase {
    const states = [...this.#members].map(({ view }) => view.state());
    if (states.every((state) => state === 'stopping' || state === 'stopped')) return 'stopping';
    if (states.includes('starting')) return 'starting';
    return states.includes('reloading') ? 'reloading' : 'ready';
  }

  #turnedTo(phase: Phase): string[] {
    switch (phase) {
      case 'starting':
        return [];
      case 'ready':
        return ['READY=1', `MAINPID=${this.#given.pid}`];
      case 'reloading':
        // CLOCK_MONOTONIC, as systemd reads it to tell this reload from an earlier one.
        return ['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`];
      case 'stopping': {
        if (this.#stopping) return [];
        this.#stopping = true;
        return ['STOPPING=1', ...this.#errno()];
      }
    }
  }

  #errno(): string[] {
    const numbers = [...this.#members].map(({ error }) => (error as Partial<NodeJS.ErrnoException> | undefined)?.errno);
    const errno = numbers.find((number) => typeof number === 'number' && number < 0);
    return errno === undefined ? [] : [`ERRNO=${-errno}`];
  }

  /** The manager gives up after a time that it knows, and the master after another: that of the master counts. */
  #extension(phase: Phase): string[] {
    if (phase === 'ready') return [];
    const longest = [...this.#members].map(({ view: { settings }, endsWithin }) =>
      phase === 'stopping' ? endsWithin : settings.readyTimeout + settings.readyFor,
    );
    return [`EXTEND_TIMEOUT_USEC=${Math.round((Math.max(0, ...longest) + MARGIN_MS) * 1_000)}`];
  }

  #words(): string {
    const members = [...this.#members];
    const words = members.map((member) => ({
      name: member.view.settings.name,
      text: statusWords(member.view, member.trouble),
    }));
    if (words.length === 1) return words[0]?.text ?? '';
    return words.map(({ name, text }) => `${name}: ${text}`).join(' | ');
  }

  #ready(): void {
    const members = [...this.#members];
    for (const name of this.#store.found) {
      if (!members.some((member) => member.awaits(name))) forget(this.#store, this.#outbox, name);
    }
    for (const member of members) member.ready();
    this.#watchdog?.start();
  }
}

function storedNames({ LISTEN_FDNAMES: names = '' }: NodeJS.ProcessEnv): Set<string> {
  return new Set(names.split(':').filter((name) => name.startsWith(STORED)));
}

let manager: ServiceManager | undefined;

/** `undefined`: no service manager wants to be notified, or it cannot be. */
export function joinServiceManager(view: FleetView, pulse: Pulse, env: NodeJS.ProcessEnv): Member | undefined {
  const { NOTIFY_SOCKET: address } = env;
  const { system, log } = view;
  if (address === undefined || address === '' || system.notify === undefined) return undefined;
  if (!/^[/@]./.test(address)) {
    log.warn(
      `the service manager cannot be notified at ${address} (NOTIFY_SOCKET): only /path and @name are supported`,
    );
    return undefined;
  }
  if (manager === undefined || manager.empty)
    manager = new ServiceManager({ address, env: { ...env }, pid: system.pid }, system.notify, view);
  return manager.join(view, pulse);
}
