/**
 * `prefork/cluster` in a primary: `node:cluster` itself, whose `fork()` gives the worker two sockets more. Node goes on to keep the states, the
 * events and the messages. What a worker listens on, this process opens once and hands over.
 */

import type { Cluster, ClusterSettings, Worker } from 'node:cluster';
import { PRELOAD } from '../paths.cjs';
import { boundSend } from '../protocol/bounded-send.js';
import { INSTALLED, type Installed } from './installed.js';
import { Listeners } from './listeners.js';
import { WorkerLink } from './worker-link.js';

const UNHEARD = ['pipe', 'pipe', 'pipe', 'ipc'] as const;
const INHERITED = ['inherit', 'inherit', 'inherit', 'ipc'] as const;

type Stdio = readonly unknown[];
type Primary = Omit<Cluster, 'settings' | 'Worker'> & {
  readonly Worker: { readonly prototype: Worker };
  settings: Omit<ClusterSettings, 'stdio'> & { stdio?: unknown };
  [INSTALLED]?: Installed;
};

/** Idempotent. Changes nothing in a worker. */
export function install(cluster: Primary): void {
  if (!cluster.isPrimary || cluster[INSTALLED] !== undefined) return;
  const { fork, setupPrimary } = cluster;
  Object.defineProperty(cluster, INSTALLED, { value: { fork } });
  let listeners: Listeners | undefined;
  let forked = 0;
  let frozen = false;

  const setup: Cluster['setupPrimary'] = (settings) => {
    // Node goes by what it finds the first time. What it opens itself (UDP, a descriptor) the workers share as well.
    const { schedulingPolicy } = cluster;
    const freezes = !frozen && [cluster.SCHED_NONE, cluster.SCHED_RR].includes(schedulingPolicy);
    if (freezes) cluster.schedulingPolicy = cluster.SCHED_NONE;
    try {
      Reflect.apply(setupPrimary, cluster, [settings]);
      frozen = true;
    } finally {
      if (freezes) cluster.schedulingPolicy = schedulingPolicy;
    }
  };

  cluster.setupPrimary = setup;
  cluster.setupMaster = setup;
  cluster.fork = (env) => {
    cluster.setupPrimary();
    const { settings } = cluster;
    const stdio = stdioOf(settings);
    // Node throws what it thinks of it.
    if (stdio === undefined) return Reflect.apply(fork, cluster, [env]);
    listeners ??= new Listeners();
    const link = new WorkerLink(forked, listeners);
    try {
      cluster.settings = {
        ...settings,
        execArgv: ['--require', PRELOAD, ...(settings.execArgv ?? [])],
        stdio: [...stdio, ...link.handedOver],
      };
      // It would set up again, and say so.
      cluster.setupPrimary = () => {};
      const worker = Reflect.apply(fork, cluster, [{ ...env, ...link.environment(stdio.length) }]);
      forked++;
      boundSend(worker.process);
      link.started(worker);
      return worker;
    } catch (error) {
      link.abandon();
      throw error;
    } finally {
      cluster.settings = settings;
      cluster.setupPrimary = setup;
      link.handOver();
    }
  };
  const { prototype } = cluster.Worker;
  const { disconnect } = prototype;
  prototype.disconnect = function (this: Worker) {
    Reflect.apply(disconnect, this, []);
    // Node takes those that were asked to go off its list.
    if (Object.keys(cluster.workers ?? {}).length === 0) listeners?.stop();
    return this;
  };
  process.getBuiltinModule('node:module').syncBuiltinESMExports();
}

/** As child_process.fork() makes it of the settings, with room behind it; `undefined` for what it refuses. */
function stdioOf({ stdio, silent }: Primary['settings']): Stdio | undefined {
  if (typeof stdio === 'string')
    return ['pipe', 'ignore', 'inherit', 'overlapped'].includes(stdio) ? [stdio, stdio, stdio, 'ipc'] : undefined;
  if (Array.isArray(stdio)) return stdio.includes('ipc') ? stdio : undefined;
  return silent === true ? UNHEARD : INHERITED;
}
