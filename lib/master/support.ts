/** What the operating system must be able to do for the options of a fleet. */

import { PreforkError } from '../common/errors.js';
import type { Settings } from '../options/settings.js';
import type { Features, Sharing } from '../types.js';

/**
 * Nothing degrades silently.
 * @throws PreforkError `ERR_PREFORK_UNSUPPORTED` or `ERR_PREFORK_REUSEPORT_UNSUPPORTED`, naming the option and the system.
 */
export function checkSupport(settings: Settings, features: Features): void {
  const { sharing, listen, readiness, launch, cluster } = settings;
  checkSharing(sharing, features);
  if (cluster && process.platform !== 'linux')
    throw new PreforkError('ERR_PREFORK_UNSUPPORTED', "option 'cluster' needs Linux: leave it out");
  const refuse = (option: string, feature: 'unixSockets' | 'dropPrivileges' | 'nativeSpawn', wayOut: string): void => {
    if (features[feature]) return;
    const reason = features.reasons[feature];
    throw new PreforkError(
      'ERR_PREFORK_UNSUPPORTED',
      `${option} is not possible on ${process.platform}${reason === undefined ? '' : `: ${reason}`}; ${wayOut}`,
    );
  };
  for (const plan of listen) {
    if (plan.kind === 'unix') refuse(`listen: 'unix:${plan.path}'`, 'unixSockets', 'listen on a port of 127.0.0.1');
    if (plan.kind === 'inherited') refuse(`listen: { fd: ${plan.fd} }`, 'nativeSpawn', 'listen on a port');
  }
  for (const name of ['uid', 'gid', 'groups'] as const) {
    if (launch[name] !== undefined) refuse(`option '${name}'`, 'dropPrivileges', 'leave it out');
  }
  if (readiness === 'spawn') {
    refuse("readiness: 'spawn'", 'nativeSpawn', 'another program cannot be given a listening socket there');
  }
}

/** @throws PreforkError `ERR_PREFORK_REUSEPORT_UNSUPPORTED`: nothing degrades silently. */
export function checkSharing(sharing: Sharing, features: Features): void {
  if (sharing === 'shared') return;
  const [possible, name] = sharing === 'sharded' ? [features.sharding, 'sharding'] : [features.reuseport, 'reuseport'];
  if (possible) return;
  const reason = features.reasons[name] ?? 'the kernel does not balance between sockets';
  throw new PreforkError(
    'ERR_PREFORK_REUSEPORT_UNSUPPORTED',
    `sharing: '${sharing}' is not possible on ${process.platform}: ${reason}; use 'shared', which works everywhere`,
  );
}
