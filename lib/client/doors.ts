/** The doors that there seem to be, for find.ts: nothing here knows whether a master is behind one. */

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { foldersToLookIn, nameOfDoor, type Surroundings } from '../common/admin-place.js';

export interface Doors {
  readonly doors: readonly { readonly name: string; readonly path: string }[];
  /** Why Windows did not list its pipes. */
  readonly unlisted?: string | undefined;
}

export function doorsThatMayBe(here: Surroundings, list: (folder: string) => string[] = readdirSync): Doors {
  if (here.platform !== 'win32') {
    return { doors: foldersToLookIn(here).flatMap((folder) => doorsIn(folder, filesOf(folder, here, list), here)) };
  }
  const [pipes = ''] = foldersToLookIn(here);
  try {
    return { doors: doorsIn(pipes, list(pipes), here) };
  } catch (error) {
    return { doors: [], unlisted: (error as Error).message };
  }
}

function doorsIn(folder: string, files: readonly string[], here: Surroundings): Doors['doors'] {
  return files.flatMap((file) => {
    const name = nameOfDoor(file, here);
    if (name === undefined) return [];
    return [{ name, path: here.platform === 'win32' ? `${folder}${file}` : join(folder, file) }];
  });
}

/** In /tmp every user may make a folder of that name: one of another user is not asked. */
function filesOf(folder: string, { uid }: Surroundings, list: (folder: string) => string[]): string[] {
  try {
    const { uid: owner } = lstatSync(folder);
    return owner === uid || owner === 0 ? list(folder) : [];
  } catch {
    return [];
  }
}
