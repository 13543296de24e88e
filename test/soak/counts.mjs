// What the soak counts in the processes of a fleet, from outside: descriptors, children, and whatever is left of a run. Reads /proc.
import { readdirSync } from 'node:fs';
import { childrenOf, marked, stat } from '../faults/processes.mjs';

/** In the environment of every process of a run: what still has it afterwards was left behind. */
export const MARK = 'SOAK_RUN';

/** 0 for a process that is gone. */
export function descriptorsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

export function zombiesOf(pid) {
  return childrenOf(pid).flatMap((child) => (child.state === 'Z' ? [child.pid] : []));
}

/** Processes of this run but this one. */
export function markedProcesses() {
  return marked(`${MARK}=${process.env[MARK]}`).filter((pid) => pid !== process.pid);
}

/** Processes of this run whose parent has ended: only workers have one that may. */
export function orphans() {
  return markedProcesses().filter((pid) => stat(pid)?.ppid === 1);
}

/** By which `y` grows for each `x`: the line of least squares through `[x, y]`. 0 with less than two points. */
export function slopeOf(points) {
  const mean = (which) => points.reduce((total, point) => total + point[which], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((total, point) => total + (point[0] - x) ** 2, 0);
  return spread === 0 ? 0 : points.reduce((total, point) => total + (point[0] - x) * (point[1] - y), 0) / spread;
}
