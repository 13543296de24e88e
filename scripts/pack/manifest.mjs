// The package.json of the package has the address that it is built from, and the one of the clone does not. npm packs the file that it finds
// after `prepack`, so that script writes the address into it, and `postpack` gives the clone its own file back.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressOf } from './address.mjs';

/** @returns whether the address is known. */
export function writeAddress(root, env) {
  const file = join(root, 'package.json');
  giveBack(root);
  const own = readFileSync(file, 'utf8');
  const manifest = JSON.parse(own);
  if (manifest.repository !== undefined) return true;
  const address = addressOf(root, env);
  if (address === undefined) return false;
  const packed = `${JSON.stringify({ ...manifest, ...address }, null, 2)}\n`;
  const kept = placesIn(root);
  mkdirSync(kept.folder, { recursive: true });
  writeFileSync(kept.packed, packed);
  // Last: from now on `giveBack` finds both.
  writeFileSync(`${kept.own}.new`, own);
  renameSync(`${kept.own}.new`, kept.own);
  writeFileSync(`${file}.new`, packed);
  renameSync(`${file}.new`, file);
  return true;
}

/** Also after a `npm pack` that was interrupted. A package.json that was changed since then stays. */
export function giveBack(root) {
  const file = join(root, 'package.json');
  const kept = placesIn(root);
  if (existsSync(kept.own) && readFileSync(file, 'utf8') === readFileSync(kept.packed, 'utf8')) {
    renameSync(kept.own, file);
  }
  rmSync(kept.folder, { recursive: true, force: true });
}

/** Neither git nor npm takes it along. */
function placesIn(root) {
  const folder = join(root, '.cache', 'pack');
  return { folder, own: join(folder, 'own.json'), packed: join(folder, 'packed.json') };
}
