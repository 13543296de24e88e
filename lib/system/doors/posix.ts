/** The admin door on Linux and macOS: a unix socket of mode 0600, in a folder of the user's own unless a path is given. */

import { fstatSync, lstatSync, mkdirSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import type { Fd, PosixAddon } from '../../addon/native.cjs';
import { doorPath, surroundings } from '../../common/admin-place.js';
import { explained, isSystemError, systemError } from '../../common/system-error.js';
import type { Door, DoorPlace } from '../system.js';
import { listening } from './listening.js';
import { watchFile } from './sight.js';

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
  try {
    return new PosixDoor(native, place, { path, socket, server: await serverOf(socket.fd, native) });
  } catch (error) {
    socket.close();
    throw isSystemError(error) ? explained(error, wayOut(error.code, place), path) : error;
  }
}

/** With a copy of the descriptor, which Node closes; unless it cannot make a server of it. */
async function serverOf(fd: Fd, native: PosixAddon): Promise<Server> {
  const copy = native.dupFd(fd);
  const unused = closesIfOpen(copy, native);
  try {
    return await listening({ fd: copy });
  } catch (error) {
    unused();
    throw error;
  }
}

interface Made {
  readonly path: string;
  readonly socket: ReturnType<UnixListeners['openUnixSocket']>;
  readonly server: Server;
}

class PosixDoor implements Door {
  readonly path: string;
  readonly #native: PosixAddon;
  readonly #place: DoorPlace;
  readonly #socket: Made['socket'];
  #server: Server;
  #missed: (() => void) | undefined;
  #watch: ReturnType<typeof watchFile>;
  #closed = false;

  constructor(native: PosixAddon, place: DoorPlace, { path, socket, server }: Made) {
    this.#native = native;
    this.#place = place;
    this.path = path;
    this.#socket = socket;
    this.#server = server;
  }

  get server(): Server {
    return this.#server;
  }

  whenMissed(missed: () => void): void {
    this.#missed = missed;
    this.#lookOut();
  }

  #lookOut(): void {
    this.#watch?.close();
    const missed = this.#missed;
    this.#watch = missed && watchFile(this.path, missed);
  }

  async renew(): Promise<Server | undefined> {
    if (this.#closed) return undefined;
    if (this.#place.path === undefined) makeFolder(dirname(this.path));
    const socket = this.#socket;
    const missing = socket.missing();
    const locked = socket.relock();
    if (missing === undefined) return undefined;
    if (!locked)
      throw systemError('EADDRINUSE', { syscall: 'flock', path: this.path, hint: wayOut('EADDRINUSE', this.#place) });
    const { fd, boundAs } = socket;
    const next = socket.another();
    let server: Server | undefined;
    try {
      server = await serverOf(next.fd, this.#native);
      if (this.#closed) throw new Error('the fleet has stopped');
      socket.publish(next);
    } catch (error) {
      server?.close();
      socket.discard(next);
      throw error;
    }
    this.#server.close();
    this.#server = server;
    socket.discard({ fd, boundAs });
    this.#lookOut();
    return server;
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
    this.#server.close();
    this.#socket.close();
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
