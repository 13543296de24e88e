/** Fleets of `test/fixtures/stands-in-line.mjs`: whether their processes sleep, and how often they woke up. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { PreforkOptions } from '../../lib/types.js';
import type { Target } from './http.js';
import { type Master, type MasterOptions, startMaster } from './master.js';
import { processInfo } from './processes.js';

export const FAMILIES = ['TCP', 'a unix socket'] as const;
export type Family = (typeof FAMILIES)[number];

export interface StandingFleet {
  readonly master: Master;
  readonly pids: readonly number[];
  readonly target: Target;
}

export interface StandingConfig {
  readonly family?: Family;
  readonly options?: Partial<PreforkOptions>;
  readonly stays?: boolean;
}

export async function startStanding(
  { family = 'TCP', options = {}, stays = false }: StandingConfig,
  process: MasterOptions = {},
): Promise<StandingFleet> {
  const listen = family === 'TCP' ? {} : { listen: { path: join(temporaryFolder(), 's') } };
  const config = JSON.stringify({ options: { ...listen, ...options }, stays });
  const master = startMaster('stands-in-line', { ...process, args: [config] });
  const { pids, addresses } = await master.event('onMasterReady');
  const { port, address } = addresses[0] as { port?: number; address: string };
  return {
    master,
    pids: pids as number[],
    target: port === undefined ? { socketPath: address } : { port, host: address },
  };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-line-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** How often threads of the process went to sleep by themselves: at least once for everything that woke one. */
export function sleepsOf(pid: number): number {
  let sleeps = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    sleeps += Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
  }
  return sleeps;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Waits until the main thread of each process sleeps, and no thread has woken up for some milliseconds. */
export async function untilAsleep(pids: readonly number[], still: number): Promise<void> {
  let before = -1;
  for (let since = performance.now(); ; await delay(1)) {
    const asleep = pids.every((pid) => processInfo(pid)?.state === 'S');
    const now = sum(pids.map(sleepsOf));
    const at = performance.now();
    if (!asleep || now !== before) since = at;
    // Nothing but a look ends the wait: this process may have got no CPU meanwhile.
    else if (at - since >= still) return;
    before = now;
  }
}
