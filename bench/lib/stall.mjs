// How long one spawn stops the event loop of a large process: the package's native spawn beside child_process.spawn in the same process.
// Both start /bin/true; only the synchronous part counts, because it delays the whole process.
//   node stall.mjs <resident megabytes> <rounds>   prints { resident, native: [ms], node: [ms], uv }
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { native } from '../../dist/addon/binding.cjs';

const request = { file: '/bin/true', args: ['true'], env: [], fds: [0, 1, 2], dieWithParent: true, listenPid: false };

export async function measureStalls(megabytes, rounds) {
  // The loop writes to the pages, or they would not be resident; in pieces, as in the heap of a real server.
  const ballast = Array.from({ length: Math.ceil(megabytes / 64) }, () => Buffer.alloc(64 * 1024 * 1024, 1));
  // The first spawn of each kind loads code and maps the child's stack. All of one kind run before the other: after a fork(2) the kernel
  // copies every page that the parent writes to, and a master that never forks does not pay for that.
  const stalls = { native: [], node: [] };
  await nativeStall();
  for (let i = 0; i < rounds; i++) stalls.native.push(await nativeStall());
  await nodeStall();
  for (let i = 0; i < rounds; i++) stalls.node.push(await nodeStall());
  const resident = Math.round(process.memoryUsage().rss / 1024 / 1024);
  return { resident, ...stalls, uv: process.versions.uv, pieces: ballast.length };
}

async function nativeStall() {
  let ended;
  const exit = new Promise((resolve) => {
    ended = resolve;
  });
  const start = performance.now();
  native.spawn(request, ended);
  const stall = performance.now() - start;
  await exit;
  return stall;
}

async function nodeStall() {
  const start = performance.now();
  const child = spawn('/bin/true', [], { env: {}, stdio: 'inherit' });
  const stall = performance.now() - start;
  await once(child, 'exit');
  return stall;
}

if (process.argv[1] === import.meta.filename) {
  console.log(JSON.stringify(await measureStalls(Number(process.argv[2]), Number(process.argv[3]))));
}
