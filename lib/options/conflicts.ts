/** Options that are fine by themselves and cannot be had together. */

import { invalidOption } from '../common/errors.js';
import type { Settings } from './settings.js';

/** `'sharded'`: more addresses than sockets that can be handed over at a time (native `sendFds`). */
const MAX_ADOPTED = 64;

export function refuseConflicts(settings: Settings): void {
  const { readiness, sharing, tls, listen, livenessTimeout, recycle, launch, commandProducer, metrics, cluster } =
    settings;
  refuseFormats(settings);
  const tcp = listen.filter((plan) => plan.kind === 'tcp').length;
  if (readiness === 'spawn') {
    const why = "that speak the control channel: use readiness 'listening'";
    if (tls !== undefined) throw invalidOption('tls', tls, `left out: certificates go to workers ${why}`);
    if (livenessTimeout !== undefined) {
      throw invalidOption('livenessTimeout', livenessTimeout, `left out: it is asked of workers ${why}`, {
        range: true,
      });
    }
    if (recycle?.maxRequests !== undefined || recycle?.maxRss !== undefined) {
      throw invalidOption('recycle', recycle, `at most maxAge: the other limits are counted by workers ${why}`, {
        range: true,
      });
    }
    if (sharing !== 'shared' && tcp > 0) {
      const what = sharing === 'sharded' ? 'the sockets of other slots go' : 'the address to bind goes';
      throw invalidOption('sharing', sharing, `'shared': ${what} to workers ${why}`, { range: true });
    }
  }
  if (listen.some((plan) => plan.kind === 'tcp' && plan.port !== 0 && plan.port === metrics?.port)) {
    throw invalidOption('metrics.port', metrics?.port, "another port than those of 'listen'", { range: true });
  }
  if (sharing === 'sharded' && tcp > MAX_ADOPTED) {
    // One message carries that many descriptors, and a slot's sockets change hands in one.
    throw invalidOption('listen', tcp, `at most ${MAX_ADOPTED} TCP addresses under sharing: 'sharded'`, {
      range: true,
    });
  }
  // Node starts the workers, on its own channel.
  const other = commandProducer ?? launch.groups ?? (readiness === 'spawn' || undefined);
  if (cluster && other !== undefined)
    throw invalidOption('cluster', cluster, "false with commandProducer, groups and readiness 'spawn'", {
      range: true,
    });
  if (commandProducer !== undefined && launch.groups !== undefined) {
    // child_process.spawn cannot set them: libuv drops all supplementary groups when it changes uid or gid.
    throw invalidOption(
      'groups',
      launch.groups,
      "left out when 'commandProducer' is given: child_process has no such option",
    );
  }
}

function refuseFormats({ logger, logFormat, launch: { linePrefix, stdio } }: Settings): void {
  if (logFormat === 'json' && logger) {
    throw invalidOption('logFormat', logFormat, "'text' when 'logger' is given", { range: true });
  }
  if (linePrefix === undefined || (logFormat === 'text' && stdio.indexOf('pipe', 1) > 0)) return;
  const allowed = "left out with logFormat 'json', and where 'stdio' has no 'pipe'";
  throw invalidOption('linePrefix', linePrefix, allowed, { range: true });
}
