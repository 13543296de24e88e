/** The log of a worker: what its lines begin with, and the fields that its logger gets. */

import type { WorkerIdentity } from '../boot/identity.cjs';
import { type Log, makeLog } from '../common/log.js';
import type { Settings } from '../options/settings.js';

export function workerLog(
  settings: Pick<Settings, 'logger' | 'logFormat'>,
  { fleet, slot, generation }: WorkerIdentity,
): Log {
  const { pid } = process;
  const prefix = `prefork[${fleet}] worker ${slot} (pid ${pid}, generation ${generation})`;
  return makeLog(settings, prefix, { fleet, pid, slot, generation });
}
