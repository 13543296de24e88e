// Is a binary older than its sources?
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../tools/paths.mjs';

const SOURCES = ['binding.gyp', 'native', 'scripts/prebuild'];

export function isStale(product) {
  return !existsSync(product) || statSync(product).mtimeMs <= newestSource();
}

function newestSource() {
  return Math.max(...SOURCES.flatMap((path) => files(join(ROOT, path))).map((file) => statSync(file).mtimeMs));
}

function files(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
