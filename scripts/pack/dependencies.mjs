// Refuses to pack in a clone without its development dependencies, before a script fails with "tsc: not found".
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../tools/paths.mjs';

export function demandDependencies() {
  const missing = ['typescript', 'esbuild', 'node-addon-api', 'node-api-headers'].filter(
    (name) => !existsSync(join(ROOT, 'node_modules', name)),
  );
  if (missing.length === 0) return;
  console.error(
    `Packing builds the package first, and that needs ${missing.join(', ')}: run \`npm ci\`, then pack again.`,
  );
  process.exit(1);
}
