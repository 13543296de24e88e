/**
 * How many CPUs this process may use: affinity mask and cgroup quota, whichever is smaller.
 * `os.availableParallelism()` knows the affinity mask, but on Node 20 not the quota, so that a container limited to
 * 2 CPUs on a machine of 64 would get 64 workers.
 */

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';

/** `undefined` when the file cannot be read. Faked in unit tests. */
export type ReadText = (path: string) => string | undefined;

/** Whole CPUs, at least 1. A fraction of a CPU counts as one more: 1.5 CPUs keep two workers busy. */
export function availableCpus(read: ReadText = readText, parallelism: number = availableParallelism()): number {
  return Math.max(1, Math.min(parallelism, Math.ceil(cgroupCpus(read))));
}

/** The smallest quota of this process's cgroup and all its ancestors, in CPUs; `Infinity` without one (cgroups(7)). */
export function cgroupCpus(read: ReadText): number {
  const { v1, v2 } = parseCgroup(read('/proc/self/cgroup') ?? '');
  const mounts = parseMounts(read('/proc/self/mountinfo') ?? '');
  let least = Infinity;
  const v2Mount = mounts.find((mount) => mount.type === 'cgroup2');
  if (v2 !== undefined && v2Mount !== undefined) {
    for (const folder of ancestors(v2, v2Mount)) {
      least = Math.min(least, parseCpuMax(read(`${folder}/cpu.max`) ?? ''));
    }
  }
  const v1Mount = mounts.find((mount) => mount.type === 'cgroup' && mount.controllers.includes('cpu'));
  if (v1 !== undefined && v1Mount !== undefined) {
    for (const folder of ancestors(v1, v1Mount)) {
      least = Math.min(
        least,
        parseCfsQuota(read(`${folder}/cpu.cfs_quota_us`) ?? '', read(`${folder}/cpu.cfs_period_us`) ?? ''),
      );
    }
  }
  return least;
}

/** `/proc/self/cgroup`: the paths of this process in the cpu hierarchy of v1 and in the unified one of v2. */
export function parseCgroup(text: string): { readonly v1: string | undefined; readonly v2: string | undefined } {
  let v1: string | undefined;
  let v2: string | undefined;
  for (const line of text.split('\n')) {
    // hierarchy-ID:controller-list:path, and the path may hold colons itself.
    const [, id, controllers = '', path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (id === '0' && controllers === '') v2 = path;
    else if (controllers.split(',').includes('cpu')) v1 = path;
  }
  return { v1, v2 };
}

interface CgroupMount {
  readonly type: 'cgroup' | 'cgroup2';
  /** Where in the hierarchy the mount begins: not `/` in many containers. */
  readonly root: string;
  readonly point: string;
  readonly controllers: readonly string[];
}

/** The cgroup lines of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export function parseMounts(text: string): readonly CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ', 2);
    const [type, , superOptions = ''] = after.split(' ');
    const [, , , root, point] = before.split(' ');
    if ((type !== 'cgroup' && type !== 'cgroup2') || root === undefined || point === undefined) continue;
    mounts.push({ type, root: decodeOctal(root), point: decodeOctal(point), controllers: superOptions.split(',') });
  }
  return mounts;
}

/** `cpu.max` of v2: `max 100000` or `<quota> <period>` in microseconds. */
export function parseCpuMax(text: string): number {
  const [quota = '', period = '100000'] = text.trim().split(/\s+/);
  return ratio(quota, period);
}

/** `cpu.cfs_quota_us` and `cpu.cfs_period_us` of v1; a quota of -1 is none. */
export function parseCfsQuota(quota: string, period: string): number {
  return ratio(quota.trim(), period.trim());
}

function ratio(quota: string, period: string): number {
  const cpus = /^\d+$/.test(quota) && /^\d+$/.test(period) ? Number(quota) / Number(period) : Infinity;
  return cpus > 0 ? cpus : Infinity;
}

/** Folders from the process's own cgroup up to the mount point. */
function ancestors(path: string, mount: CgroupMount): string[] {
  // Under a cgroup namespace the path is relative to the mount; without one it begins with the mount's root. A path
  // outside of the mount ('/../x') says nothing about folders that can be seen: only the mount point itself is left.
  const inside = mount.root !== '/' && isBelow(path, mount.root) ? path.slice(mount.root.length) : path;
  const steps = inside.split('/').filter((step) => step !== '');
  if (steps.includes('..')) return [mount.point];
  return Array.from({ length: steps.length + 1 }, (_, up) =>
    posix.join(mount.point, ...steps.slice(0, steps.length - up)),
  );
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

/** Space, tab, newline and backslash are written in octal. */
function decodeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // No cgroups, another OS, or hidden by the container: no quota is known.
    return undefined;
  }
}
