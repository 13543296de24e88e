/**
 * The worker of a hosted program: one that the command `prefork` runs, and that knows nothing of it. The preload calls {@link host} before any
 * module of the program is loaded. A file of its own, with all that it needs: the program does not load the rest of the package.
 */

import { linux, posix } from '../../addon/narrow.cjs';
import type { CommonAddon } from '../../addon/native.cjs';
import type { WorkerIdentity } from '../../boot/identity.cjs';
import { deferred } from '../../common/deferred.js';
import type { HostedProgram } from '../../protocol/protocol.cjs';
import { restoreBacklog } from '../accepting/inherited.js';
import type { Context } from '../context.js';
import type { Boot, Service } from '../service.js';
import { posixSystem } from '../system/posix.js';
import { Worker, type WorkerSettings, workerLog } from '../worker.js';
import { Asker } from './ask.js';
import { showWorker } from './cluster.js';
import { ClusterService, joinCluster } from './cluster-worker.js';
import { endsWell, leaveHosted } from './departure.js';
import { connectProcess } from './process-messages.js';
import { redirecting } from './redirect.js';
import { HostedServers } from './servers.js';

/** @param hosted What the master says of the program. */
export function host(identity: WorkerIdentity, hosted: HostedProgram, addon: CommonAddon): void {
  identity.serving = true;
  const native = posix(addon);
  const system = posixSystem(native);
  const context = deferred<Context>();
  const saidReady = deferred();
  const servers = new HostedServers();
  const service = identity.cluster
    ? new ClusterService(servers)
    : new HostedService(hosted, servers, context.resolve, saidReady.promise);
  const worker = new Worker(identity, settingsOf(hosted), system, service);
  void worker.run();
  endsWell(() => worker.draining);
  const log = workerLog(hosted.silent ? false : undefined, identity);
  const { replyFd } = identity;
  if (replyFd === undefined) throw new Error('The master of a hosted program gave no socket for its listeners');
  const asker = new Asker({ native: linux(addon), replies: replyFd, say: (message) => worker.say(message) });
  const redirect = redirecting({
    ask: (want) => asker.ask(want),
    adopt: ({ wire, fd }) => system.adoptLate?.(wire, fd) ?? -1,
    discard: ({ fd }) => {
      if (fd !== undefined) native.closeFd(fd);
    },
    restoreBacklog: (fd, { backlog }) => restoreBacklog(native, log, fd, backlog),
    closed: (fd, { name }) => {
      system.forget?.(fd);
      // A fleet that stops, or replaces its workers, closes by itself. A primary waits for its last worker.
      if (identity.cluster || !worker.draining) worker.say({ type: 'released-listener', name });
    },
  });
  if (identity.cluster) {
    joinCluster(worker, redirect, hosted.gracePeriod);
    return;
  }
  showWorker(identity.slot + 1, redirect);
  connectProcess(context.promise, saidReady.resolve);
}

function settingsOf(hosted: HostedProgram): WorkerSettings {
  const { silent, sharing, gracePeriod, exitAfterDrain, recycle, onMasterDeath } = hosted;
  return {
    logger: silent ? false : undefined,
    sharing,
    gracePeriod,
    exitAfterDrain,
    recycle: recycle && { maxAge: undefined, maxRequests: undefined, maxRss: undefined, ...recycle },
    onMasterDeath,
  };
}

class HostedService implements Service {
  readonly hearsOfDrain = true;
  readonly mayEnd = true;
  readonly leave = leaveHosted;
  readonly #hosted: Pick<HostedProgram, 'waitReady'>;
  readonly #servers: HostedServers;
  readonly #introduced: (context: Context) => void;
  readonly #saidReady: Promise<void>;

  constructor(
    hosted: Pick<HostedProgram, 'waitReady'>,
    servers: HostedServers,
    introduced: (context: Context) => void,
    saidReady: Promise<void>,
  ) {
    this.#hosted = hosted;
    this.#servers = servers;
    this.#introduced = introduced;
    this.#saidReady = saidReady;
  }

  async serve({ context, track }: Boot): Promise<void> {
    this.#introduced(context);
    this.#servers.each(track);
    context.signal.addEventListener('abort', () => this.#servers.closing());
    await (this.#hosted.waitReady ? this.#saidReady : this.#servers.serving());
  }
}
