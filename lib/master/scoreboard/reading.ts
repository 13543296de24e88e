/** Makes a reading of the fleet out of what master and workers have counted. No worker is asked, or woken. Loaded with the first reading. */

import { showAddress } from '../../common/log.js';
import {
  ACTIVE,
  CONNECTIONS,
  DELAY_MAX,
  DELAY_MEAN,
  DUE,
  HEAP,
  monotonic,
  PID,
  TURNED,
} from '../../protocol/scoreboard.js';
import type { OpenListener } from '../../system/open-listener.js';
import type { System } from '../../system/system.js';
import type { FleetReading, QueueStatus, SlotReading, WorkerInfo } from '../../types.js';
import type { Lines } from './lines.js';
import type { Tally } from './tally.js';
import { type Counting, usageOf } from './usage.js';

/** Milliseconds that a timer of the worker may be late on a busy machine before its event loop counts as late. */
const MARGIN = 100;

interface ReadWorker extends Counting {
  readonly info: WorkerInfo;
}

export interface Readable {
  readonly system: Pick<System, 'usage'>;
  readonly workers: Iterable<ReadWorker>;
  readonly tally: Tally;
  /** `undefined`: the option `scoreboard` is off. */
  readonly lines: Lines | undefined;
  readonly listeners: readonly OpenListener[];
  readonly queues: readonly QueueStatus[];
}

export function readFleet({ system, workers, tally, lines, listeners, queues }: Readable): FleetReading {
  const now = { at: Date.now(), clock: monotonic() };
  const addresses = new Map(listeners.map(({ address }) => [address.name, showAddress(address)]));
  const { accepted, requests } = lines?.totals ?? { accepted: 0, requests: 0 };
  return {
    at: now.at,
    workers: [...workers].flatMap((handle) => readWorker(handle, now, system) ?? []).sort((a, b) => a.slot - b.slot),
    totals: {
      accepted,
      requests,
      starts: tally.starts,
      exits: { ...tally.exits },
      reloads: { ...tally.reloads },
    },
    queues: queues.map((queue) => ({ ...queue, address: addresses.get(queue.name) ?? queue.name })),
  };
}

function readWorker(
  handle: ReadWorker,
  { at, clock }: { readonly at: number; readonly clock: number },
  system: Readable['system'],
): SlotReading | undefined {
  const { state, line, info } = handle;
  if (state === 'exited') return undefined;
  const word = (index: number): number => count(line?.words[index]);
  const counted = word(PID) > 0;
  const turned = word(TURNED);
  const late = turned > 0 && clock > word(DUE) + MARGIN ? Math.max(0, clock - turned) : 0;
  const { rss = 0, cpu = 0 } = usageOf(system, handle);
  return {
    slot: info.slot,
    pid: info.pid,
    generation: info.generation,
    state,
    startedAt: info.startedAt.getTime(),
    counted,
    acceptedTotal: line?.accepted ?? 0,
    requestsTotal: line?.requests ?? 0,
    connections: word(CONNECTIONS),
    activeRequests: word(ACTIVE),
    loopDelayMean: word(DELAY_MEAN),
    loopDelayMax: Math.max(word(DELAY_MAX), late),
    lastTurnAt: at - late,
    heapUsed: word(HEAP),
    rss,
    cpu,
  };
}

/** The master believes no worker: what is no count is 0. */
function count(word: number | undefined): number {
  return word !== undefined && word >= 0 && word <= Number.MAX_SAFE_INTEGER ? word : 0;
}
