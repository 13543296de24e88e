// Runs with the addon that is built for this Node, on every Node major that the package supports: a whole fleet life (serve, kill,
// recover, stop). It also walks through all ways in which a worker leaves the line of accepting workers and joins it again. One binary
// has to serve all majors, because Node-API is stable. Of libuv it uses the parts that do not change in 1.x; the entries of libuv's epoll
// set could change, and the walks prove them.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { node as nodeOf } from './platforms/nodes.mjs';

const MAJORS = [20, 22, 24, 26];
const FIXTURES = join(import.meta.dirname, '..', 'test', 'fixtures');
const LIMIT = 60_000;

const life = { name: 'life', args: ['whole-life.mjs'] };
/** Runs with few descriptors, so that they run out. */
const FEW = ['sh', '-c', 'ulimit -n 200; exec "$@"', 'sh'];
const walks = [
  { name: 'walk', args: ['walks-accept-lines.mjs', '1000'], wrapper: FEW },
  { name: 'walk of a fleet', args: ['walks-a-fleet.mjs', 'shared', '4'], wrapper: FEW },
  { name: 'walk of a sharded fleet', args: ['walks-a-fleet.mjs', 'sharded', '4'], wrapper: FEW },
];
const programs = process.platform === 'linux' ? [life, ...walks] : [life];

const ownMajor = Number(process.versions.node.split('.')[0]);
let failed = 0;
for (const major of MAJORS) {
  const node = major === ownMajor ? process.execPath : nodeOf(process.platform, process.arch, major);
  for (const { name, args, wrapper = [] } of programs) {
    const [fixture, ...rest] = args;
    const [command, ...before] = [...wrapper, node];
    const { status, signal, stdout, stderr, error } = spawnSync(
      command,
      [...before, join(FIXTURES, fixture), ...rest],
      {
        encoding: 'utf8',
        timeout: LIMIT,
      },
    );
    if (status === 0) {
      console.log(`Node ${major}, ${name}: ${stdout.trim()}`);
      continue;
    }
    failed++;
    const how = error?.message ?? (signal === null ? `exit code ${status}` : signal);
    console.error(`Node ${major}, ${name}: FAILED (${how})\n${stdout}${stderr}`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
