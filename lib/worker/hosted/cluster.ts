/**
 * Makes `node:cluster` show a worker: `net` asks it for every listener of a program that does not say `exclusive`, and libraries look at
 * `isPrimary`. Node's own module for workers is loaded if NODE_UNIQUE_ID is set when a module first asks for it (node: lib/cluster.js).
 */

import type { Cluster, Worker } from 'node:cluster';
import type { Server } from 'node:net';

const UNIQUE_ID = 'NODE_UNIQUE_ID';
/** Its name in `process.moduleLoadList`. */
const LOADED = 'NativeModule cluster';

/** `addressType` of a path. */
export const PATH = -1;

/** What net asks for. For an address `null`: every one; `addressType` is 4, 6, {@link PATH}, or `udp4` and `udp6`. */
export interface ServerQuery {
  readonly address: string | null;
  readonly port: number | null;
  readonly addressType: number | string | null;
  readonly fd?: number | undefined;
  readonly flags?: number | undefined;
  readonly backlog?: number | undefined;
}

/** Called with the number of an error, or with the handle. */
type GotHandle = (error: number | null, handle: object | null) => void;

export type GetServer = (server: Server, query: ServerQuery, done: GotHandle) => void;

type Shown = Cluster & { readonly Worker: new (options: object) => Worker };

/** @param id Of the worker: positive. */
export function showWorker(id: number, getServer: GetServer): Worker {
  const wasLoaded = (process as unknown as { readonly moduleLoadList: readonly string[] }).moduleLoadList.includes(
    LOADED,
  );
  const before = process.env[UNIQUE_ID];
  process.env[UNIQUE_ID] = String(id);
  const cluster = process.getBuiltinModule('node:cluster') as unknown as Shown;
  if (before === undefined) delete process.env[UNIQUE_ID];
  else process.env[UNIQUE_ID] = before;
  const worker = new cluster.Worker({ id, process, state: 'online' });
  leavesBySignal(worker);
  // A module that was preloaded by NODE_OPTIONS may have asked for it before: then it is the one of a primary.
  Object.assign(cluster, { isWorker: true, isPrimary: false, isMaster: false, worker, _getServer: getServer });
  // An ES module may have it, too. Otherwise what is exported is read when the first one asks for it.
  if (wasLoaded) process.getBuiltinModule('node:module').syncBuiltinESMExports();
  return worker;
}

/** Node's own ask the primary to take the worker off its list. Here it drains and ends, and the master fills its slot again. */
export function leavesBySignal(worker: Worker): void {
  const leave = (): Worker => {
    worker.exitedAfterDisconnect = true;
    process.kill(process.pid, 'SIGTERM');
    return worker;
  };
  Object.assign(worker, { disconnect: leave, kill: leave, destroy: leave });
}
