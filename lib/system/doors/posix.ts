/** The admin door on Linux and macOS: a unix socket of mode 0600, in a folder of the user's own unless a path is given. */

import { fstatSync, lstatSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Fd, PosixAddon } from '../../addon/native.cjs';
import { doorPath, surroundings } from '../../common/admin-place.js';
import { explained, isSystemError, systemError } from '../../common/system-error.js';
import type { Door, DoorPlace } from '../system.js';
import { listening } from './listening.js';

type UnixListeners = typeof import('../listeners/unix.js');

const MODE = 0o600;
const FOLDER_MODE = 0o700;
/** Clients that come at the same time. The kernel caps it. */
const BACKLOG = 511;

/** @throws the system error that keeps it from being made: `EADDRINUSE` when another master lives there. */
export async function openDoor(native: PosixAddon, place: DoorPlace): Promise<Door> {
  const path = place.path ?? doorPath(place.name, surroundings());
  if (place.path === undefined) makeFolder(dirname(path));
  // By itself: a fleet with a unix socket has it already.
  const socket = open(await import('../listeners/unix.js'), native, path, place);
  // Node closes the one that it is given, unless it cannot make a server of it.
  let unused: (() => void) | undefined;
  try {
    const copy = native.dupFd(socket.fd);
    unused = closesIfOpen(copy, native);
    const server = await listening({ fd: copy });
    return {
      path,
      server,
      close() {
        server.close();
        socket.close();
      },
    };
  } catch (error) {
    unused?.();
    socket.close();
    throw isSystemError(error) ? explained(error, wayOut(error.code, place), path) : error;
  }
}

function open(
  { openUnixSocket }: UnixListeners,
  native: PosixAddon,
  path: string,
  place: DoorPlace,
): ReturnType<UnixListeners['openUnixSocket']> {
  try {
    return openUnixSocket({ kind: 'unix', name: 'admin', path, mode: MODE, backlog: BACKLOG }, native);
  } catch (error) {
    throw explained(error, isSystemError(error) ? wayOut(error.code, place) : undefined, path);
  }
}

function wayOut(code: string, { path, name }: DoorPlace): string {
  if (code !== 'EADDRINUSE')
    return "option 'admin': the master makes the socket, its lock and a temporary name in that folder; name another path";
  return path === undefined
    ? `option 'admin': another master has the name '${name}': give this fleet another name, or a path of its own`
    : "option 'admin': another master or server is alive there, or a file that is no socket is in its place; name another path";
}

/** The number may be that of another file by then. */
function closesIfOpen(fd: Fd, native: PosixAddon): () => void {
  const { ino } = fstatSync(fd);
  return () => {
    try {
      if (fstatSync(fd).ino === ino) native.closeFd(fd);
    } catch {
      // EBADF: it is closed.
    }
  };
}

/** In /tmp another user may have been faster: then what is there is not trusted. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: FOLDER_MODE });
    return;
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'EEXIST')
      throw explained(
        error,
        "option 'admin': the folder of the admin doors cannot be made; give 'admin' a path",
        folder,
      );
  }
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o077) === 0) return;
  const hint =
    "option 'admin': it must be a folder of this user with mode 0700, for the doors in it; remove it, or give 'admin' a path";
  throw systemError('EACCES', { syscall: 'lstat', path: folder, hint });
}
