// Runs a whole fleet life, with the addon that is built for this Node, on every Node major that the package supports:
// serve, kill, recover, stop. One binary has to do for all of them, because Node-API is stable and nothing else is used.
// The Node programs are those that the package `node-<platform>-<arch>` carries; they are kept in node_modules/.cache.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const MAJORS = [20, 22, 24, 26];
const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, 'node_modules', '.cache', 'node-majors');
const LIFE = join(ROOT, 'test', 'fixtures', 'whole-life.mjs');
const LIMIT = 60_000;

const ownMajor = Number(process.versions.node.split('.')[0]);
let failed = 0;
for (const major of MAJORS) {
  const node = major === ownMajor ? process.execPath : fetchNode(major);
  const { status, stdout, stderr, error } = spawnSync(node, [LIFE], { encoding: 'utf8', timeout: LIMIT });
  if (status === 0) {
    console.log(`Node ${stdout.trim()}`);
    continue;
  }
  failed++;
  console.error(`Node ${major}: FAILED (${error?.message ?? `exit code ${status}`})\n${stdout}${stderr}`);
}
process.exitCode = failed === 0 ? 0 : 1;

/** The newest release of a major, as a program. */
function fetchNode(major) {
  const folder = join(CACHE, String(major));
  const node = join(folder, 'bin', 'node');
  if (existsSync(node)) return node;
  const temporary = `${folder}.${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  try {
    const wanted = `node-${process.platform}-${process.arch}@${major}`;
    const [{ filename }] = JSON.parse(npm(['pack', '--json', '--pack-destination', temporary, wanted]));
    execFileSync('tar', ['xzf', join(temporary, filename), '-C', temporary]);
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(temporary, 'package'), folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return node;
}

function npm(args) {
  return execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
