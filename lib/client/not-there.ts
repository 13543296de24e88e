/** Why no master answers at a door, in words. connection.ts asks, find.ts as well. */

import type { Surroundings } from '../common/admin-place.js';
import { ClientFailure, EXIT } from './failure.js';

export function noMaster(message: string, cause?: unknown): ClientFailure {
  return new ClientFailure(EXIT.NO_MASTER, 'ERR_PREFORK_NO_MASTER', message, cause);
}

/** @param cause What refused the connection: connect(2), or CreateFile on Windows. */
export function notThere(
  path: string,
  cause: NodeJS.ErrnoException,
  here: Pick<Surroundings, 'platform'>,
): ClientFailure {
  return noMaster(reasonFor(path, cause, here), cause);
}

/** Whether nothing at all is at the path. */
export function isMissing(error: unknown): boolean {
  return error instanceof ClientFailure && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

function reasonFor(
  path: string,
  { code, message }: NodeJS.ErrnoException,
  here: Pick<Surroundings, 'platform'>,
): string {
  switch (code) {
    case 'ENOENT':
      return `there is no admin door ${path}: start the fleet with ${startedWith(path, here)}${whenDeleted(here)}`;
    case 'ECONNREFUSED':
      return `the master of ${path} is gone, and left its socket behind`;
    case 'EACCES':
    case 'EPERM':
      return `the admin door ${path} is that of another user: run this as the user that the master runs as, or as ${superuser(here)}`;
    case 'ENOTSOCK':
      return `${path} is no admin door`;
    default:
      return `the admin door ${path} cannot be reached: ${message}`;
  }
}

/** On Windows, for a path that is none of a pipe: there it might be a file, which connecting would open. */
export function noPipe(path: string): ClientFailure {
  return noMaster(String.raw`${path} is no admin door: on Windows that is a named pipe, such as \\.\pipe\app`);
}

/** A cleaner of temporary files may have taken the socket away. No program can take a pipe away. */
export function whenDeleted({ platform }: Pick<Surroundings, 'platform'>): string {
  if (platform === 'win32') return '';
  return '; a master that runs, and whose door was deleted, makes it again at its next reload: kill -HUP <pid of the master>';
}

/** `prefork app.js` does not run on Windows. */
function startedWith(path: string, { platform }: Pick<Surroundings, 'platform'>): string {
  return platform === 'win32'
    ? `the option admin of prefork(): ${JSON.stringify(path)}`
    : `--admin=${path}, or the option admin of prefork()`;
}

/** The shell of an administrator has no rights of one until it is started with them. */
function superuser({ platform }: Pick<Surroundings, 'platform'>): string {
  return platform === 'win32' ? 'an administrator, in an elevated shell' : 'root';
}
