// Runs a whole fleet life, with the addon that is built for this Node, on every Node major that the package supports:
// serve, kill, recover, stop. One binary has to do for all of them, because Node-API is stable and nothing else is used.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { node as nodeOf } from './platforms/nodes.mjs';

const MAJORS = [20, 22, 24, 26];
const ROOT = join(import.meta.dirname, '..');
const LIFE = join(ROOT, 'test', 'fixtures', 'whole-life.mjs');
const LIMIT = 60_000;

const ownMajor = Number(process.versions.node.split('.')[0]);
let failed = 0;
for (const major of MAJORS) {
  const node = major === ownMajor ? process.execPath : nodeOf(process.platform, process.arch, major);
  const { status, stdout, stderr, error } = spawnSync(node, [LIFE], { encoding: 'utf8', timeout: LIMIT });
  if (status === 0) {
    console.log(`Node ${stdout.trim()}`);
    continue;
  }
  failed++;
  console.error(`Node ${major}: FAILED (${error?.message ?? `exit code ${status}`})\n${stdout}${stderr}`);
}
process.exitCode = failed === 0 ? 0 : 1;
