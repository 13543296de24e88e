/**
 * Where the package is. A file of its own that stays where it is: `lib/`, `dist/` and what the bundle makes of it in `dist/` all lie one
 * folder below the root.
 */

import { join } from 'node:path';

/** The folder with `package.json`, `build/` and `prebuilds/`. */
export const ROOT = join(__dirname, '..');

/** What a worker of node loads first. */
export const PRELOAD = join(__dirname, 'preload.cjs');
