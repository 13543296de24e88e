/** The ways in which other processes control a master: signals, the file that has its pid, the admin door. */

import { resolve } from 'node:path';
import type { Log } from '../common/log.js';
import type { Settings } from '../options/settings.js';
import type { System } from '../system/system.js';
import type { Admin } from './admin/admin.js';
import type { Controlled } from './admin/requests.js';
import { GroupSignals } from './group-signals.js';
import type { PidFile } from './pid-file.js';
import { type InstalledSignals, installSignals, type SignalTarget } from './signals.js';

type ControlSettings = Pick<Settings, 'name' | 'admin'>;

export class Controls {
  readonly #settings: ControlSettings;
  readonly #system: System;
  readonly #log: Log;
  readonly groupSignals: GroupSignals;
  #signals: InstalledSignals | undefined;
  #pidFile: PidFile | undefined;
  #admin: Admin | undefined;
  #over = false;

  constructor(settings: ControlSettings, system: System, log: Log) {
    this.#settings = settings;
    this.#system = system;
    this.#log = log;
    this.groupSignals = new GroupSignals(system);
  }

  /** Readers of the file see nothing of it before {@link publish}. */
  async claim(pidFile: string): Promise<void> {
    const path = resolve(this.#system.program.physicalCwd, pidFile);
    this.#pidFile = new (await import('./pid-file.js')).PidFile(path, this.#system.pid, this.#log);
  }

  hearSignals(target: SignalTarget): void {
    this.#signals = installSignals(this.#system, this.#log, target);
    this.groupSignals.listen();
  }

  publish(): void {
    this.#pidFile?.publish();
  }

  /** @returns false when the fleet was over before. */
  async openDoor(fleet: Controlled): Promise<boolean> {
    const { openAdmin } = await import('./admin/admin.js');
    this.#admin = await openAdmin(this.#settings, this.#system, this.#log, fleet);
    // Nothing else would close it.
    if (this.#over) this.#admin.over(undefined);
    return !this.#over;
  }

  renewDoor(): void {
    this.#admin?.renew();
  }

  /** Signals keep their handlers until {@link off}. */
  over(error: unknown): void {
    this.#over = true;
    this.#pidFile?.remove();
    this.#admin?.over(error);
  }

  /** See {@link InstalledSignals.echo}. */
  get echo(): number {
    return this.#signals?.echo() ?? 0;
  }

  off(): void {
    this.#signals?.off();
    this.groupSignals.off();
  }
}
