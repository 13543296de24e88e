/**
 * The worker of a hosted program: one that the command `prefork` runs, and that knows nothing of it. The preload calls {@link host} before any
 * module of the program is loaded. A file of its own, with all that it needs: the program does not load the rest of the package.
 */

import { posix } from '../../addon/narrow.cjs';
import type { CommonAddon } from '../../addon/native.cjs';
import type { WorkerIdentity } from '../../boot/identity.cjs';
import { deferred } from '../../common/deferred.js';
import type { HostedProgram } from '../../protocol/protocol.cjs';
import type { AskedServers } from '../accepting/adoptions.js';
import { restoreBacklog } from '../accepting/inherited.js';
import type { Context } from '../context.js';
import type { Boot, Service } from '../service.js';
import { posixSystem } from '../system/posix.js';
import { Worker, type WorkerSettings } from '../worker.js';
import { workerLog } from '../worker-log.js';
import { asBound } from './abstract.js';
import { Asker } from './ask.js';
import { Asked } from './asked.js';
import { showWorker } from './cluster.js';
import { ClusterService, joinCluster } from './cluster-worker.js';
import { endsWell, holdSignals, leaveHosted } from './departure.js';
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
  const asked = new Asked();
  let release = (): void => {};
  const service = identity.cluster
    ? new ClusterService(servers)
    : new HostedService(hosted, {
        servers,
        asked: identity.adoptionFd === undefined ? undefined : asked.of,
        introduced: context.resolve,
        saidReady: saidReady.promise,
        leave: (end) => leaveHosted(end, release),
      });
  const settings = settingsOf(hosted);
  const worker = new Worker(identity, settings, system, service);
  const run = (): void => void worker.run();
  if (identity.cluster) run();
  else release = holdSignals(run);
  const log = workerLog(settings, identity);
  const { replyFd } = identity;
  if (replyFd === undefined) throw new Error('The master of a hosted program gave no socket for its listeners');
  const asker = new Asker({ native, replies: replyFd, say: (message) => worker.say(message) });
  const redirect = redirecting({
    asBound: (path) => asBound(path, native),
    ask: (want) => asker.ask(want),
    adopt: ({ wire, fd }) => system.adoptLate?.(wire, fd) ?? -1,
    discard: ({ fd }) => {
      if (fd !== undefined) native.closeFd(fd);
    },
    restoreBacklog: (fd, { backlog }) => restoreBacklog(native, log, fd, backlog),
    listens: (server, wire) => asked.listens(server, wire),
    closed: (fd, wire) => {
      const { name } = wire;
      system.forget?.(fd);
      asked.closed(wire);
      worker.disown(wire);
      // A fleet that stops, or replaces its workers, closes by itself. A primary waits for its last worker.
      if (identity.cluster || !worker.draining) worker.say({ type: 'released-listener', name });
    },
  });
  if (identity.cluster) {
    joinCluster(worker, redirect, hosted.gracePeriod);
    return;
  }
  endsWell(() => worker.draining);
  showWorker(identity.slot + 1, redirect);
  connectProcess(context.promise, saidReady.resolve);
}

function settingsOf(hosted: HostedProgram): WorkerSettings {
  const { silent, logFormat, sharing, gracePeriod, exitAfterDrain, recycle, onMasterDeath } = hosted;
  return {
    logger: silent ? false : undefined,
    logFormat: logFormat ?? 'text',
    sharing,
    gracePeriod,
    exitAfterDrain,
    recycle: recycle && { maxAge: undefined, maxRequests: undefined, maxRss: undefined, ...recycle },
    onMasterDeath,
  };
}

interface Links extends Pick<Service, 'leave'> {
  readonly servers: HostedServers;
  /** `'sharded'`. */
  readonly asked: AskedServers | undefined;
  introduced(context: Context): void;
  readonly saidReady: Promise<void>;
}

class HostedService implements Service {
  readonly hearsOfDrain = true;
  readonly mayEnd = true;
  readonly leave: Service['leave'];
  readonly #hosted: Pick<HostedProgram, 'waitReady'>;
  readonly #links: Links;

  constructor(hosted: Pick<HostedProgram, 'waitReady'>, links: Links) {
    this.#hosted = hosted;
    this.#links = links;
    this.leave = links.leave;
  }

  async serve({ context, track, adopt }: Boot): Promise<void> {
    this.#links.introduced(context);
    this.#links.servers.each(track);
    // What drains listens no more, and need not be ready.
    const leaves = new Promise<void>((resolve) => {
      context.signal.addEventListener('abort', () => {
        this.#links.servers.closing();
        resolve();
      });
    });
    if (this.#links.asked !== undefined) await adopt([], this.#links.asked);
    await Promise.race([leaves, this.#hosted.waitReady ? this.#links.saidReady : this.#links.servers.serving()]);
  }
}
