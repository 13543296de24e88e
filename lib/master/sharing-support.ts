/** What the kernel must be able to do for a way of sharing. */

import { PreforkError } from '../common/errors.js';
import type { Features, Sharing } from '../types.js';

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
