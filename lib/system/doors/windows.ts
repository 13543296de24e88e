/** The admin door on Windows: a named pipe. The system lets the user of the master, and administrators, write to it. */

import { doorPath, surroundings } from '../../common/admin-place.js';
import { invalidOption } from '../../common/errors.js';
import { explained } from '../../common/system-error.js';
import type { Door, DoorPlace } from '../system.js';
import { listening } from './listening.js';

const PIPE = /^\\\\[.?]\\pipe\\./i;

/** @throws `EADDRINUSE` when another process has the pipe; `ERR_PREFORK_INVALID_OPTION` for a path that is none. */
export async function openDoor(place: DoorPlace): Promise<Door> {
  const path = place.path ?? doorPath(place.name, surroundings());
  if (!PIPE.test(path)) throw invalidOption('admin', path, String.raw`true, or the name of a pipe: \\.\pipe\app`);
  try {
    const server = await listening({ path });
    return { path, server, close: () => void server.close() };
  } catch (error) {
    throw explained(
      error,
      "option 'admin': another process has this pipe: name another one, or give the fleet another name",
      path,
    );
  }
}
