// How long one spawn stops the event loop, by the memory of the process: the package's own, and child_process of Node 20 and Node 26.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freeMemory, median } from '../lib/processes.mjs';
import { say } from '../lib/report.mjs';
import { bounds, sections } from '../sections/spawn.mjs';

export { bounds, sections };
export const title = 'Event-loop stall of a spawn';

const PROGRAM = fileURLToPath(new URL('../lib/stall.mjs', import.meta.url));
const LIMIT = 120_000;
/** fork(2) of the largest takes most of a second. */
const roundsOf = (megabytes, quick) => (quick || megabytes > 2048 ? 10 : 15);
const run_ = promisify(execFile);

export async function run({ quick, peers }) {
  const rows = [];
  const left = [];
  const nodes = [{ version: process.versions.node, program: process.execPath }, peers.node26];
  for (const { version, program } of nodes.filter((node) => node.program !== undefined)) {
    for (const megabytes of quick ? [0, 512] : [0, 512, 2048, 8192]) {
      // As much memory again for the other processes and the page tables of the children.
      if (freeMemory() / 1024 < megabytes * 1.5 + 1024) {
        left.push(`${megabytes} MB on Node ${version}: not so much memory is free`);
        continue;
      }
      say(`spawn: Node ${version}, ${megabytes} MB`);
      const { stdout } = await run_(program, [PROGRAM, megabytes, roundsOf(megabytes, quick)].map(String), {
        timeout: LIMIT,
      });
      const { resident, native, node, uv } = JSON.parse(stdout);
      const summary = (stalls) => ({ median: median(stalls), min: Math.min(...stalls), max: Math.max(...stalls) });
      rows.push({ node: version, uv, megabytes, resident, prefork: summary(native), childProcess: summary(node) });
    }
  }
  return { rows, left };
}
