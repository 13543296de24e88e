// How long one spawn stops the event loop of a large master: native spawn beside child_process.spawn in the same process.
// Both start /bin/true; only the synchronous part counts, it is what delays everybody else. Interleaved, median of many.
// Exit code 1 when the native spawn is less than 100 times shorter or not under 1 ms.
//   node bench/spawn.mjs [resident megabytes = 2048] [rounds = 25]
import { measureStalls } from './lib/stall.mjs';

const RATIO_BOUND = 100;
const STALL_BOUND_MS = 1;
const megabytes = Number(process.argv[2] ?? 2048);
const rounds = Number(process.argv[3] ?? 25);

function summary(stalls) {
  const sorted = stalls.toSorted((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted.at(-1) };
}

const { resident, ...stalls } = await measureStalls(megabytes, rounds);
const ours = summary(stalls.native);
const theirs = summary(stalls.node);
const ratio = theirs.median / ours.median;
const row = (name, { median, min, max }) =>
  console.log(`${name.padEnd(22)}${[median, min, max].map((ms) => ms.toFixed(3).padStart(10)).join('')}`);
console.log(`Event-loop stall of one spawn, ms; ${resident} MB resident, ${rounds} rounds, Node ${process.version}`);
console.log(`${''.padEnd(22)}${['median', 'min', 'max'].map((name) => name.padStart(10)).join('')}`);
row('prefork, native', ours);
row('child_process.spawn', theirs);
console.log(
  `ratio of the medians: ${ratio.toFixed(0)}x (bound: at least ${RATIO_BOUND}x and under ${STALL_BOUND_MS} ms)`,
);
if (ratio < RATIO_BOUND || ours.median >= STALL_BOUND_MS) {
  console.error('The bound is missed.');
  process.exitCode = 1;
}
