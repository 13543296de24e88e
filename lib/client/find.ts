/** Finds the admin door that is meant: by its path, by the name of the fleet, or because there is only one. */

import { lstatSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { foldersToLookIn, nameOfDoor, type Surroundings, surroundings } from '../common/admin-place.js';
import { type Connection, openConnection } from './connection.js';
import { ClientFailure, DELETED, EXIT } from './failure.js';

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
  if (admin !== undefined)
    return await openConnection(here.platform === 'win32' && admin.startsWith('\\\\') ? admin : resolve(admin));
  const folders = foldersToLookIn(here);
  const found = await living(folders, here);
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
    const doors = meant.map(({ connection }) => `--admin=${connection.path}`).join(', ');
    throw new ClientFailure(
      EXIT.USAGE,
      'ERR_PREFORK_WHICH_FLEET',
      `${what}: ${name === undefined ? how : `${how}: ${doors}`}`,
    );
  }
  const looked = `looked in ${folders.join(', ')}`;
  throw new ClientFailure(
    EXIT.NO_MASTER,
    'ERR_PREFORK_NO_MASTER',
    found.length > 0
      ? `there is no fleet '${name}'; these run: ${names}`
      : `there is no fleet${name === undefined ? '' : ` '${name}'`} with an admin door (${looked}): start it with --admin, ` +
          `or the option admin: true of prefork(); one with a path of its own is found by --admin <path>; ${DELETED}`,
  );
}

/** Those that a master answers at. A socket that a killed master has left is none. */
async function living(folders: readonly string[], here: Surroundings): Promise<Found[]> {
  const doors = folders.flatMap((folder) =>
    filesIn(folder, here).flatMap((file) => {
      const name = nameOfDoor(file, here);
      return name === undefined ? [] : [{ name, path: join(folder, file) }];
    }),
  );
  const tried = await Promise.all(
    doors.map(async ({ name, path }) => {
      const connection = await openConnection(path).catch(() => undefined);
      return connection === undefined ? [] : [{ name, connection }];
    }),
  );
  return tried.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** In /tmp anybody may make a folder of that name: one of another user is not asked. */
function filesIn(folder: string, { platform, uid }: Surroundings): string[] {
  try {
    if (platform !== 'win32') {
      const { uid: owner } = lstatSync(folder);
      if (owner !== uid && owner !== 0) return [];
    }
    return readdirSync(folder);
  } catch {
    return [];
  }
}
