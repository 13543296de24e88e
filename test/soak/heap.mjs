// What recoveries have left in the heap of a master.
import { slopeOf } from './counts.mjs';

/** Bytes that a recovery may leave behind. */
const GROWTH = 1_024;
/** Bytes that say nothing: V8 compiles more, and keeps it, the longer something runs. */
const NOISE = 256 * 1_024;
/** By so many recoveries what V8 does once is spread so thin that it excuses nothing any more. */
const ENOUGH = 1_000;

/**
 * @param looks In their order: `{ recoveries, heap }`.
 * @returns `{ growth, later, broken }`: bytes for each recovery, and for each in the second half, in which a leak goes on; the bounds that
 *   they break, in words.
 */
export function judgeHeap(looks) {
  const all = growthIn(looks);
  const later = growthIn(looks.slice(looks.length >> 1));
  const broken = [];
  if (all.isLeak) broken.push(`the heap grew by ${Math.round(all.slope)} bytes for each recovery`);
  if (later.isLeak)
    broken.push(`the heap grew by ${Math.round(later.slope)} bytes for each recovery of the second half`);
  return { growth: all.slope, later: later.slope, broken };
}

function growthIn(looks) {
  const slope = slopeOf(looks.map(({ recoveries, heap }) => [recoveries, heap]));
  const span = looks.length === 0 ? 0 : looks.at(-1).recoveries - looks[0].recoveries;
  return { slope, isLeak: span > 0 && (slope - GROWTH) * span >= (span < ENOUGH ? NOISE : 0) };
}
