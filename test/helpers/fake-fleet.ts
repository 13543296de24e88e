/** A master on a fake system, with what it reported in order. */

import { Master } from '../../lib/master/master.js';
import { resolveOptions } from '../../lib/options/resolve.js';
import type { PreforkOptions } from '../../lib/types.js';
import { FakeSystem, type FakeWorker } from './fake-system.js';

export interface Fleet {
  readonly master: Master;
  readonly system: FakeSystem;
  /** What the hooks and events reported, in order. */
  readonly story: string[];
  readonly log: string[];
  readonly started: Promise<unknown>;
  readonly finished: Promise<unknown>;
}

/** Both promises are observed: they resolve with the error where there is one. */
export function fleet(options: Partial<PreforkOptions> = {}, system = new FakeSystem()): Fleet {
  const story: string[] = [];
  const log: string[] = [];
  const write = (line: string) => void log.push(line);
  const settings = resolveOptions(
    {
      serve: () => {},
      listen: '127.0.0.1:0',
      workers: 2,
      logger: { info: write, warn: write, error: write },
      ...options,
    },
    '0',
  );
  const master = new Master(settings, system, {
    spawn: (pid) => story.push(`spawn ${pid}`),
    ready: (pids) => story.push(`ready ${pids.join(' ')}`),
    exit: (worker, { requested }) => story.push(`exit ${worker.pid}${requested ? ' requested' : ''}`),
    recover: (oldPid, newPid) => story.push(`recover ${oldPid} ${newPid}`),
    reload: ({ ok, generation }) => story.push(`reload ${ok ? 'ok' : 'failed'} ${generation}`),
    message: (worker, data) => story.push(`message ${worker.pid} ${JSON.stringify(data)}`),
    stop: (error) => story.push(error === undefined ? 'stop' : 'stop with error'),
  });
  const started = master.start().then(
    () => undefined,
    (error) => error,
  );
  const finished = master.finished.then(
    () => undefined,
    (error) => error,
  );
  return { master, system, story, log, started, finished };
}

/** Where it is not the point how long a worker has been ready: ready is enough, and no test moves the clock for it. */
export function hastyFleet(options: Partial<PreforkOptions> = {}, system = new FakeSystem()): Fleet {
  return fleet({ readyFor: 0, ...options }, system);
}

export function last(system: FakeSystem): FakeWorker {
  return system.workers.at(-1) as FakeWorker;
}

export const crash = { code: 1, signal: null } as const;
