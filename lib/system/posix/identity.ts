/** Which user a worker runs as: its ids, and the variables that say so. `PosixSystem` asks at every start of a worker. */

import type { User } from '../../addon/native.cjs';
import type { LaunchSettings } from '../../options/settings.js';

export interface Identity {
  readonly uid?: number;
  readonly gid?: number;
  readonly groups?: readonly number[];
}

type Chosen = Pick<LaunchSettings, 'uid' | 'gid' | 'groups'>;

/**
 * setuid alone would leave the master's groups to the worker: the user's own belong to the user id.
 * @param user Of `uid`; `undefined` when the database has none.
 */
export function identityOf({ uid, gid, groups }: Chosen, user: User | undefined): Identity {
  const ownGid = gid ?? user?.gid ?? uid;
  const ownGroups = groups ?? user?.groups ?? (uid === undefined || ownGid === undefined ? undefined : [ownGid]);
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(ownGid === undefined ? {} : { gid: ownGid }),
    ...(ownGroups === undefined ? {} : { groups: ownGroups }),
  };
}

/**
 * What login(1) would set: a library that writes below `os.homedir()` must not try it in root's. A user id without an entry in the
 * database has no name, and `/` is its home, as in a container.
 */
export function variablesOf({ uid }: Chosen, user: User | undefined): Record<string, string | undefined> | undefined {
  if (uid === undefined || uid === process.geteuid?.()) return undefined;
  return { HOME: user?.home ?? '/', USER: user?.name, LOGNAME: user?.name };
}
