/** Who owns the file of a unix socket: names become ids once, in the master, before anything is bound. */

import type { PosixAddon } from '../../addon/native.cjs';
import { invalidOption } from '../../common/errors.js';
import type { UnixPlan } from '../../options/settings.js';

/** With ids; `undefined`: as the kernel makes it. */
export interface OwnedPlan extends Omit<UnixPlan, 'owner' | 'group'> {
  readonly owner?: number | undefined;
  readonly group?: number | undefined;
}

/**
 * @param option Path of the option, for messages.
 * @throws RangeError `ERR_PREFORK_INVALID_OPTION` for a name that this machine does not have.
 */
export function ownedBy(plan: UnixPlan, option: string, native: Pick<PosixAddon, 'findUser' | 'findGroup'>): OwnedPlan {
  const { owner, group } = plan;
  const user = owner === undefined ? undefined : native.findUser(owner);
  if (typeof owner === 'string' && user === undefined)
    throw invalidOption(`${option}.owner`, owner, 'a user of this machine', { range: true });
  const gid = typeof group === 'string' ? native.findGroup(group) : (group ?? user?.gid);
  if (typeof group === 'string' && gid === undefined)
    throw invalidOption(`${option}.group`, group, 'a group of this machine', { range: true });
  return { ...plan, owner: typeof owner === 'string' ? user?.uid : owner, group: gid };
}
