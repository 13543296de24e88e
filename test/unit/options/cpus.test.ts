import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import {
  availableCpus,
  cgroupCpus,
  parseCfsQuota,
  parseCgroup,
  parseCpuMax,
  parseMounts,
} from '../../../lib/options/cpus.js';

const V2_MOUNT = '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate';
const V1_MOUNT = '33 29 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:14 - cgroup cgroup rw,cpu,cpuacct';

/** A file system of a few files. */
function files(content: Readonly<Record<string, string>>) {
  return (path: string): string | undefined => content[path];
}

function v2(path: string, quotas: Readonly<Record<string, string>>, mount = V2_MOUNT) {
  return files({ '/proc/self/cgroup': `0::${path}\n`, '/proc/self/mountinfo': `${mount}\n`, ...quotas });
}

describe('cgroup v2', () => {
  test.each([
    ['200000 100000\n', 2],
    ['150000 100000', 2],
    ['50000 100000', 1],
    ['1000 100000', 1],
    ['300000', 3],
    ['max 100000', 8],
    ['', 8],
    ['0 100000', 8],
    ['nonsense', 8],
    ['900000 100000', 8],
  ])('a cpu.max of %j leaves %i of 8 CPUs', (text, cpus) => {
    expect(availableCpus(v2('/app', { '/sys/fs/cgroup/app/cpu.max': text }), 8)).toBe(cpus);
  });

  test('the smallest quota of all ancestors counts', () => {
    const quotas = {
      '/sys/fs/cgroup/a.slice/cpu.max': '200000 100000',
      '/sys/fs/cgroup/a.slice/b.service/cpu.max': '400000 100000',
      '/sys/fs/cgroup/a.slice/b.service/c/cpu.max': 'max 100000',
    };
    expect(cgroupCpus(v2('/a.slice/b.service/c', quotas))).toBe(2);
    expect(cgroupCpus(v2('/a.slice/b.service', { ...quotas, '/sys/fs/cgroup/a.slice/cpu.max': 'max' }))).toBe(4);
  });

  test('in a container, with a cgroup namespace, the quota is at the mount point', () => {
    expect(cgroupCpus(v2('/', { '/sys/fs/cgroup/cpu.max': '250000 100000' }))).toBe(2.5);
  });

  test('in a container without a cgroup namespace, the path begins with the root of the mount', () => {
    const mount = '30 24 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw';
    const quotas = { '/sys/fs/cgroup/cpu.max': '100000 100000', '/sys/fs/cgroup/sub/cpu.max': '300000 100000' };
    expect(cgroupCpus(v2('/docker/abc', quotas, mount))).toBe(1);
    expect(cgroupCpus(v2('/docker/abc/sub', quotas, mount))).toBe(1);
  });

  test('a cgroup outside of the namespace leaves the mount point', () => {
    expect(cgroupCpus(v2('/../other', { '/sys/fs/cgroup/cpu.max': '300000 100000' }))).toBe(3);
  });
});

describe('cgroup v1', () => {
  const self = '12:pids:/x\n4:cpu,cpuacct:/docker/a:b\n1:name=systemd:/x\n0::/\n';

  test.each([
    ['200000', '100000', 2],
    ['-1', '100000', Infinity],
    ['50000', '100000', 0.5],
    ['200000', '0', Infinity],
    ['', '', Infinity],
  ])('a quota of %j in a period of %j is %d CPUs', (quota, period, cpus) => {
    const folder = '/sys/fs/cgroup/cpu,cpuacct/docker/a:b';
    const read = files({
      '/proc/self/cgroup': self,
      '/proc/self/mountinfo': V1_MOUNT,
      [`${folder}/cpu.cfs_quota_us`]: `${quota}\n`,
      [`${folder}/cpu.cfs_period_us`]: `${period}\n`,
    });
    expect(cgroupCpus(read)).toBe(cpus);
  });

  test('the cpu hierarchy is used, not cpuset or cpuacct', () => {
    expect(parseCgroup('3:cpuset:/set\n2:cpuacct:/acct\n1:cpu:/cpu\n0::/unified')).toEqual({
      v1: '/cpu',
      v2: '/unified',
    });
  });

  test('in a hybrid system both quotas count', () => {
    const read = files({
      '/proc/self/cgroup': '4:cpu,cpuacct:/a\n0::/b',
      '/proc/self/mountinfo': `${V1_MOUNT}\n${V2_MOUNT.replace('/sys/fs/cgroup ', '/sys/fs/cgroup/unified ')}`,
      '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us': '500000',
      '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us': '100000',
      '/sys/fs/cgroup/unified/b/cpu.max': '300000 100000',
    });
    expect(cgroupCpus(read)).toBe(3);
  });
});

test('without cgroups the number of CPUs is left alone, and never below 1', () => {
  expect(availableCpus(files({}), 8)).toBe(8);
  expect(availableCpus(files({}), 0)).toBe(1);
});

test('the real files of this machine give a number that is possible', () => {
  const cpus = availableCpus();
  expect(Number.isInteger(cpus)).toBe(true);
  expect(cpus).toBeGreaterThanOrEqual(1);
  expect(cpus).toBeLessThanOrEqual(availableParallelism());
});

test('spaces in mount points are decoded', () => {
  expect(parseMounts('1 2 0:3 / /my\\040mounts/\\134x rw - cgroup2 none rw')).toEqual([
    { type: 'cgroup2', root: '/', point: '/my mounts/\\x', controllers: ['rw'] },
  ]);
});

test('what is no cgroup file at all is no quota', () => {
  expect(parseCgroup('nonsense\n\n::')).toEqual({ v1: undefined, v2: undefined });
  expect(parseMounts('nonsense\n - cgroup2')).toEqual([]);
  expect(parseCpuMax('1e5 1e5')).toBe(Infinity);
  expect(parseCfsQuota('0x10', '1')).toBe(Infinity);
});
