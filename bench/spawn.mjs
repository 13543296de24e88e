// How long one spawn stops the event loop of a large master: native spawn beside child_process.spawn in the same process.
// Both start /bin/true; only the synchronous part counts, it is what delays everybody else. Interleaved, median of many.
// Exit code 1 when the native spawn is less than 100 times shorter or not under 1 ms.
//   node bench/spawn.mjs [resident megabytes = 2048] [rounds = 25]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { native } from '../dist/binding.cjs';

const RATIO_BOUND = 100;
const STALL_BOUND_MS = 1;
const megabytes = Number(process.argv[2] ?? 2048);
const rounds = Number(process.argv[3] ?? 25);

// Written to, or the pages would not be resident; in pieces, as the heap of a real server is.
const ballast = Array.from({ length: Math.ceil(megabytes / 64) }, () => Buffer.alloc(64 * 1024 * 1024, 1));

const request = { file: '/bin/true', args: ['true'], env: [], fds: [0, 1, 2], dieWithParent: true, listenPid: false };

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

function summary(stalls) {
  const sorted = stalls.toSorted((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted.at(-1) };
}

// The first of each kind loads code and maps the child's stack.
await nativeStall();
await nodeStall();
const stalls = { native: [], node: [] };
for (let i = 0; i < rounds; i++) {
  stalls.native.push(await nativeStall());
  stalls.node.push(await nodeStall());
}

const ours = summary(stalls.native);
const theirs = summary(stalls.node);
const ratio = theirs.median / ours.median;
const resident = Math.round(process.memoryUsage().rss / 1024 / 1024);
const row = (name, { median, min, max }) =>
  console.log(`${name.padEnd(22)}${[median, min, max].map((ms) => ms.toFixed(3).padStart(10)).join('')}`);
console.log(`Event-loop stall of one spawn, ms; ${resident} MB resident, ${rounds} rounds, Node ${process.version}`);
console.log(`${''.padEnd(22)}${['median', 'min', 'max'].map((name) => name.padStart(10)).join('')}`);
row('prefork, native', ours);
row('child_process.spawn', theirs);
console.log(
  `ratio of the medians: ${ratio.toFixed(0)}x (bound: at least ${RATIO_BOUND}x and under ${STALL_BOUND_MS} ms)`,
);
if (ballast.length > 0 && (ratio < RATIO_BOUND || ours.median >= STALL_BOUND_MS)) {
  console.error('The bound is missed.');
  process.exitCode = 1;
}
