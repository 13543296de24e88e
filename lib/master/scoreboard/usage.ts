/** Memory and CPU time of a worker: what the system says now, or what the worker wrote last. */

import { CPU, RSS } from '../../protocol/scoreboard.js';
import type { System } from '../../system/system.js';
import type { WorkerState } from '../../types.js';
import type { Line } from './lines.js';

/** A worker, as far as it counts: a `WorkerHandle` is one. */
export interface Counting {
  readonly state: WorkerState;
  readonly servingPid: number;
  /** `undefined`: it counts nothing. */
  readonly line: Line | undefined;
}

export interface Usage {
  /** Bytes. */
  readonly rss?: number;
  /** Milliseconds. */
  readonly cpu?: number;
}

export function usageOf(system: Pick<System, 'usage'>, worker: Counting): Usage {
  if (worker.state === 'exited') return {};
  const known = system.usage?.(worker.servingPid);
  if (known !== undefined) return known;
  const [rss = 0, cpu = 0] = [RSS, CPU].map((word) => worker.line?.words[word]);
  return rss > 0 && cpu > 0 ? { rss, cpu } : {};
}
