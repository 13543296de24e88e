/** Fleets of `test/fixtures/limited.mjs`: workers with few places or few descriptors. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { PreforkOptions, Sharing } from '../../lib/types.js';
import type { Target } from './http.js';
import { type Master, startMaster } from './master.js';
import type { Ability } from './target.js';
import { withDescriptors } from './wrappers.js';

export interface LimitedFleet {
  readonly master: Master;
  readonly pids: readonly number[];
  readonly target: Target;
  /** Of every address. */
  readonly targets: readonly Target[];
  /** Has a worker do something; settles when the worker has done it. */
  order(pid: number, what: object): Promise<void>;
}

export interface LimitedOptions {
  readonly options?: Partial<PreforkOptions>;
  readonly maxConnections?: number;
  readonly readyMade?: boolean;
  /** The workers speak HTTP/1. */
  readonly http?: boolean;
}

/** @param descriptors How many a process may open (ulimit -n). */
export async function startLimited(config: LimitedOptions, descriptors?: number): Promise<LimitedFleet> {
  const limit = descriptors !== undefined && { wrapper: withDescriptors(descriptors) };
  const master = startMaster('limited', { args: [JSON.stringify(config)], ...limit });
  const { pids, addresses } = await master.event('onMasterReady');
  const targets = (addresses as { port?: number; address: string }[]).map(({ port, address }) =>
    port === undefined ? { socketPath: address } : { port, host: address },
  );
  return {
    master,
    pids: pids as number[],
    target: targets[0] as Target,
    targets,
    async order(pid, what) {
      const before = master.events('obeyed').length;
      await master.call('sendTo', pid, what);
      await master.event('obeyed', { nth: before + 1 });
    },
  };
}

interface Way {
  readonly sharing: Sharing;
  readonly over: 'TCP' | 'a unix socket';
  readonly needs?: readonly Ability[];
}

/** Every way of sharing that loses nothing, and over a unix socket. */
export const WAYS: readonly Way[] = [
  { sharing: 'shared', over: 'TCP' },
  { sharing: 'sharded', over: 'TCP' },
  { sharing: 'shared', over: 'a unix socket', needs: ['unixSockets'] },
];

/** Options of a fleet of {@link WAYS}. */
export function optionsOf({ sharing, over }: Way): Partial<PreforkOptions> {
  if (over === 'TCP') return { sharing };
  const folder = mkdtempSync(join(tmpdir(), 'prefork-limited-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { sharing, listen: { path: join(folder, 's') } };
}
