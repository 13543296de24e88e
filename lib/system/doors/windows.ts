/** The admin door on Windows: a named pipe. docs/internals/security.md says whom the system lets write to it. */

import { canBeDoor, doorPath, surroundings } from '../../common/admin-place.js';
import { invalidOption } from '../../common/errors.js';
import { explained, isSystemError } from '../../common/system-error.js';
import type { Door, DoorPlace } from '../system.js';
import { listening } from './listening.js';

const WINDOWS = { ...surroundings(), platform: 'win32' } as const;

/** @throws `EADDRINUSE` when another process has the pipe; `ERR_PREFORK_INVALID_OPTION` for a path that is none. */
export async function openDoor(place: DoorPlace, listen: typeof listening = listening): Promise<Door> {
  const path = place.path ?? doorPath(place.name, WINDOWS);
  if (!canBeDoor(path, WINDOWS))
    throw invalidOption('admin', path, String.raw`true, or the name of a pipe: \\.\pipe\app`);
  try {
    const server = await listen({ path });
    return { path, server, close: () => void server.close() };
  } catch (error) {
    throw isSystemError(error) ? explained(error, wayOut(error.code, place), path) : error;
  }
}

function wayOut(code: string, { path, name }: DoorPlace): string {
  if (code !== 'EADDRINUSE')
    return path === undefined
      ? "option 'admin': the name of the fleet makes no name of a pipe, which has 256 characters at the most: give 'admin' one"
      : "option 'admin': Windows takes no such name of a pipe: name another one";
  return path === undefined
    ? `option 'admin': another process has the pipe of the name '${name}': give this fleet another name, or a pipe of its own`
    : "option 'admin': another process has this pipe: name another one";
}
