/**
 * The workers of `prefork({ cluster: true })`: processes that `node:cluster` itself has forked, so that the primary which it shows has them.
 * prefork goes on to decide which there are. Loaded late, by the first of them.
 */

import type { ChildProcess } from 'node:child_process';
import cluster, { type Cluster, type ClusterSettings, type Worker } from 'node:cluster';
import { once } from 'node:events';
import { basename } from 'node:path';
import { invalidOption, PreforkError } from '../common/errors.js';
import { boundSend } from '../protocol/bounded-send.js';
import type { Command } from '../types.js';
import { INSTALLED, type Installed } from './installed.js';

const NODE = /^node(\.exe)?$/i;

type Primary = Omit<Cluster, 'settings' | 'workers'> & {
  settings: Omit<ClusterSettings, 'stdio'> & { stdio?: unknown };
  readonly workers: Record<string, Worker>;
  readonly [INSTALLED]?: Installed;
};
const primary = cluster as unknown as Primary;

/**
 * Starts the process of a command.
 * @throws what the system says; `ERR_PREFORK_UNSUPPORTED` and `ERR_PREFORK_INVALID_OPTION` where it is none for node:cluster.
 */
export async function forkInCluster(command: Command): Promise<ChildProcess> {
  const worker = fork(command);
  const { process: child } = worker;
  // The master hears of them by itself, and an event 'error' without a listener is an exception.
  worker.on('error', () => {});
  if (child.pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error];
    delete primary.workers[worker.id];
    if (child.connected) child.disconnect();
    throw error;
  }
  boundSend(child);
  // The process keeps the event loop alive, not its channel.
  child.channel?.unref();
  child.on('internalMessage', (message: { readonly cmd?: unknown; readonly replaced?: unknown } | null) => {
    // As Node does it for a worker that it has asked to leave: libraries that hand connections out look there.
    if (message?.cmd === 'NODE_CLUSTER' && message.replaced === true) delete primary.workers[worker.id];
  });
  return child;
}

function fork({ file, args, stdio, cwd, uid, gid, env }: Command): Worker {
  const [first, ...rest] = args;
  if (!primary.isPrimary) {
    throw new PreforkError(
      'ERR_PREFORK_UNSUPPORTED',
      'This process is a worker of node:cluster, so it cannot be the primary of other ones: start the program with node, or leave the option cluster out',
    );
  }
  if (file !== process.execPath && !NODE.test(basename(file))) {
    throw invalidOption('exec', file, 'a script, or node, with `cluster: true`: only Node knows node:cluster', {
      range: true,
    });
  }
  // What Node was built into passes for its own arguments.
  if (first === undefined) {
    throw new PreforkError(
      'ERR_PREFORK_UNSUPPORTED',
      'node:cluster cannot start a single executable application without arguments: leave the option cluster out',
    );
  }
  primary.setupPrimary();
  const { settings, setupPrimary } = primary;
  const { execPath } = process;
  try {
    primary.settings = {
      ...settings,
      exec: first,
      args: rest,
      execArgv: [],
      silent: false,
      stdio: [...stdio, 'ipc'],
      ...{ cwd, uid, gid },
    };
    // It would set up again, and say so.
    primary.setupPrimary = () => {};
    process.execPath = file;
    return Reflect.apply(primary[INSTALLED]?.fork ?? primary.fork, primary, [{ ...withoutOwn(), ...env }]);
  } finally {
    process.execPath = execPath;
    primary.setupPrimary = setupPrimary;
    primary.settings = settings;
  }
}

/** Node puts what this process has in its environment below that of a worker. */
function withoutOwn(): Record<string, undefined> {
  return Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
}
