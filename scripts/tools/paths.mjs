// Where scripts find the project, and where they keep downloads.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Survives `npm ci` when the environment names another folder. */
export const CACHE = resolve(process.env.PREFORK_CACHE_DIR ?? join(ROOT, 'node_modules', '.cache', 'prefork'));
