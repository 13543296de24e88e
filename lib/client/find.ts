/** Finds the admin door that is meant: by its path, by the name of the fleet, or because there is only one. */

import { posix, win32 } from 'node:path';
import { canBeDoor, doorPath, foldersToLookIn, type Surroundings, surroundings } from '../common/admin-place.js';
import { type Connection, openConnection } from './connection.js';
import { type Doors, doorsThatMayBe } from './doors.js';
import { ClientFailure, EXIT } from './failure.js';
import { isMissing, noMaster, noPipe, whenDeleted } from './not-there.js';

export interface Which {
  /** Path of the door. */
  readonly admin?: string | undefined;
  /** Of the fleet. */
  readonly name?: string | undefined;
}

interface Found {
  readonly name: string;
  readonly connection: Connection;
}

/** @throws ClientFailure that names the fleets which run. */
export async function findFleet({ admin, name }: Which, here: Surroundings = surroundings()): Promise<Connection> {
  if (admin !== undefined) return await atPath(admin, here);
  const named = here.platform === 'win32' && name !== undefined ? await ofPipe(name, here) : undefined;
  if (named !== undefined) return named;
  const { doors, unlisted } = doorsThatMayBe(here);
  const found = await living(doors, here);
  const meant = name === undefined ? found : found.filter((one) => one.name === name);
  for (const { connection } of found) if (meant.length !== 1 || connection !== meant[0]?.connection) connection.close();
  const [only, second] = meant;
  if (only !== undefined && second === undefined) return only.connection;
  const names = found.map((one) => `'${one.name}'`).join(', ');
  if (second !== undefined) {
    const [what, how] =
      name === undefined
        ? [`several fleets run: ${names}`, 'name one: --name <name>']
        : [`several fleets have the name '${name}'`, 'name the door'];
    const paths = meant.map(({ connection }) => `--admin=${connection.path}`).join(', ');
    throw whichFleet(`${what}: ${name === undefined ? how : `${how}: ${paths}`}`);
  }
  if (found.length > 0) throw noMaster(`there is no fleet '${name}'; these run: ${names}`);
  if (name === undefined && unlisted !== undefined)
    throw whichFleet(`the fleets that run cannot be listed (${unlisted}): name one: --name <name>`);
  throw noMaster(
    `there is no fleet${name === undefined ? '' : ` '${name}'`} with an admin door (looked in ${foldersToLookIn(here).join(', ')}): ` +
      `${here.platform === 'win32' ? 'start it with ' : 'start it with --admin, or '}the option admin: true of prefork(); ` +
      `one with a path of its own is found by --admin <path>${whenDeleted(here)}`,
  );
}

function whichFleet(message: string): ClientFailure {
  return new ClientFailure(EXIT.USAGE, 'ERR_PREFORK_WHICH_FLEET', message);
}

async function atPath(admin: string, here: Surroundings): Promise<Connection> {
  const path = (here.platform === 'win32' ? win32 : posix).resolve(admin);
  if (!canBeDoor(path, here)) throw noPipe(path);
  return await openConnection(path, here);
}

/** Windows does not care for the case of a pipe's name, and may not list it. `undefined`: there is none. */
async function ofPipe(name: string, here: Surroundings): Promise<Connection | undefined> {
  try {
    return await openConnection(doorPath(name, here), here);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Those that a master answers at. A socket that a killed master has left is none. */
async function living(doors: Doors['doors'], here: Surroundings): Promise<Found[]> {
  const tried = await Promise.all(
    doors.map(async ({ name, path }) => {
      const connection = await openConnection(path, here).catch(() => undefined);
      return connection === undefined ? [] : [{ name, connection }];
    }),
  );
  return tried.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
}
