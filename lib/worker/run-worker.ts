/** What prefork() does in a worker. */

import type { CommonAddon } from '../addon/native.cjs';
import type { Member, WorkerIdentity } from '../boot/identity.cjs';
import { PreforkError } from '../common/errors.js';
import type { Settings } from '../options/settings.js';
import { ownService } from './own-service.js';
import type { Service } from './service.js';
import { workerSystem } from './system/make-worker-system.js';
import type { WorkerSystem } from './system/worker-system.js';
import { drainedOf, Worker } from './worker.js';
import { workerLog } from './worker-log.js';

/** How long a program may take from the first of its fleets to the one of this worker. */
const OWN_FLEET_MS = 1_000;

/** A fleet of the program. */
type Awaited = Pick<Settings, 'name' | 'logger' | 'logFormat'>;

/** Settles when the worker has drained: for the fleets of this program that this worker does not belong to. */
export function drained(identity: WorkerIdentity, awaited: Awaited): Promise<void> {
  // The first of them.
  if (!identity.serving && identity.drained === undefined) expectToServe(identity, awaited);
  return drainedOf(identity).promise;
}

/** The fleets of a program run beside each other: one that is awaited first keeps the workers of the next from their own. */
function expectToServe(identity: WorkerIdentity, awaited: Awaited): void {
  const { name } = awaited;
  const { fleet } = identity;
  const where = `the program waits for fleet '${name}', and has not called the prefork() of fleet '${fleet}', to which this worker belongs`;
  const wayOut =
    'start both at once: await Promise.all([prefork(…), prefork(…)]); one that takes the place of another one that failed must have the same serve';
  setTimeout(() => {
    if (identity.serving) return;
    workerLog(awaited, identity).warn(`${where}; ${wayOut}`);
  }, OWN_FLEET_MS).unref();
  process.once('beforeExit', () => {
    if (!identity.serving) throw new PreforkError('ERR_PREFORK_UNSUPPORTED', `${where}, and never will: ${wayOut}`);
  });
}

/**
 * Serves as the worker that `identity` says; settles after the drain. A boot that fails is reported to the master and ends the
 * process with exit code 1: a caller that catches must not keep a worker alive that serves nothing. Called again it only waits:
 * a process has one set of listeners.
 */
export async function runWorker(identity: WorkerIdentity, settings: Settings, native: CommonAddon): Promise<void> {
  if (identity.serving) return await drainedOf(identity).promise;
  identity.serving = true;
  const system = await workerSystem(native);
  const own = ownService(settings, identity.adoptionFd !== undefined);
  const { member } = identity;
  const service: Service = member === undefined ? own : shown(own, member, system, () => worker);
  const worker: Worker = new Worker(identity, settings, system, service);
  await worker.run();
}

/** The same in a worker that `node:cluster` shows: what the program has listened on before is the worker's, too. */
function shown(own: Service, member: Member, system: WorkerSystem, worker: () => Worker): Service {
  return {
    ...own,
    departs: (reason) => member.departs(reason),
    serve(boot) {
      member.join({
        get draining() {
          return worker().draining;
        },
        adopt: (wire, received) => system.adoptLate?.(wire, received) ?? -1,
        forget: (fd, wire) => {
          system.forget?.(fd);
          worker().disown(wire);
        },
        track: boot.track,
        release: (socket) => worker().release(socket),
        warn: (text) => boot.log.warn(text, { event: 'accept' }),
      });
      return own.serve({ ...boot, adopt: (servers) => boot.adopt(servers, member.asked) });
    },
  };
}
