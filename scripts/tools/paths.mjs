// Where scripts find the project, and where they keep what they downloaded.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Survives `npm ci` when the environment names a folder of one's own. */
export const CACHE = resolve(process.env.PREFORK_CACHE_DIR ?? join(ROOT, 'node_modules', '.cache', 'prefork'));
