import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, expect } from 'vitest';
import { untilDead } from '../../helpers/processes.js';
import { commandWorks, isLinux, isRoot, testWhen, testWithProc } from '../../helpers/skip.js';
import { canRefuseSyscalls, refusing } from '../../helpers/wrappers.js';
import { failsCleanly, fixture, native, PATIENCE, run, shell, start, statusField } from '../native-helpers.js';

const folder = mkdtempSync(join(tmpdir(), 'prefork-ids-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const asRoot = testWhen(isRoot && isLinux, 'needs root and proc(5)');
const status = shell('', { file: '/bin/cat', args: ['cat', '/proc/self/status'] });
const four = (id: number): string => Array(4).fill(id).join('\t');

asRoot('a child runs with the uid, gid and groups it was given, real, effective, saved and file system', async () => {
  const { out } = await run({ ...status, uid: 65_534, gid: 65_533, groups: [1000, 2000] });
  expect(statusField(out, 'Uid')).toBe(four(65_534));
  expect(statusField(out, 'Gid')).toBe(four(65_533));
  expect(statusField(out, 'Groups')).toBe('1000 2000');
});

asRoot('groups are left alone unless they are given, and may be emptied', async () => {
  const own = statusField(readFileSync('/proc/self/status', 'utf8'), 'Groups');
  expect(statusField((await run({ ...status, uid: 65_534 })).out, 'Groups')).toBe(own);
  expect(statusField((await run({ ...status, groups: [] })).out, 'Groups')).toBe('');
});

// Root owns its /proc files in any case: a master of another uid that may change ids is the one that shows the difference.
const UNPRIVILEGED = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] as const;
const CAPABLE = [...UNPRIVILEGED, '--inh-caps', '+setuid,+setgid', '--ambient-caps', '+setuid,+setgid'] as const;

/** What a master prints that this command starts. */
async function outputOf(command: readonly string[], name: string, ...words: readonly string[]): Promise<string> {
  const [file, ...args] = [...command, process.execPath, fixture(name), ...words];
  const child = spawn(file as string, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [out] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return out;
}

async function tryIds(command: readonly string[]): Promise<unknown> {
  return JSON.parse(await outputOf(command, 'native/ids.mjs'));
}

testWhen(isRoot && commandWorks(...CAPABLE, 'true'), 'needs root and setpriv(1)')(
  'dropping ids in a child does not make the master undumpable, although they share memory',
  async () => {
    const spawned = 'spawned';
    expect(await tryIds(CAPABLE)).toEqual({ uid: spawned, gid: spawned, groups: spawned, dumpable: true });
  },
);

testWhen(!isRoot || commandWorks(...UNPRIVILEGED, 'true'), 'needs setpriv(1) to become another user')(
  'ids that the master may not give fail as the call that refused them, and leave nothing behind',
  async () => {
    expect(await tryIds(isRoot ? UNPRIVILEGED : [])).toEqual({
      uid: ['EPERM', 'setuid'],
      gid: ['EPERM', 'setgid'],
      groups: ['EPERM', 'setgroups'],
      dumpable: true,
    });
  },
);

const CAPABILITIES = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'] as const;
const OTHER_IDS = { uid: 65_533, gid: 65_533, groups: [] } as const;
const NONE = '0000000000000000';

/** The capabilities of a child with these ids; the master is run by this command. */
async function capabilitiesOf(ids: object, command: readonly string[]): Promise<Record<string, string | undefined>> {
  const out = await outputOf(command, 'native/status.mjs', JSON.stringify(ids));
  return Object.fromEntries(CAPABILITIES.map((name) => [name, statusField(out, name)]));
}

const all = (value: string) => Object.fromEntries(CAPABILITIES.map((name) => [name, value]));
const withCapabilities = testWhen(
  isRoot && isLinux && commandWorks(...CAPABLE, 'true'),
  'needs root, proc(5) and setpriv(1)',
);

withCapabilities(
  'a child that changes between two users other than root keeps no capability of its master',
  async () => {
    // The master has them, and a child that keeps its identity does, too.
    expect(await capabilitiesOf({}, CAPABLE)).toEqual(all('00000000000000c0'));
    for (const ids of [OTHER_IDS, { uid: 65_533 }, { gid: 65_533 }, { groups: [1] }])
      expect(await capabilitiesOf(ids, CAPABLE)).toEqual(all(NONE));
    // What it is for: it cannot take another id, not even that of root.
    const script = `
    const taken = (f, id) => { try { process[f](id); return id } catch ({ code }) { return code } };
    console.log(taken('setgroups', [0]), taken('setgid', 0), taken('setuid', 0));`;
    const become = { ...OTHER_IDS, file: process.execPath, args: ['node', '-e', script] };
    expect(await outputOf(CAPABLE, 'native/status.mjs', JSON.stringify(become))).toBe('EPERM EPERM EPERM\n');
  },
);

withCapabilities(
  'a child that root makes another user keeps no capability either, inheritable ones included',
  async () => {
    const inheritable = ['setpriv', '--inh-caps', '+setuid', '--ambient-caps', '+setuid'];
    expect(await capabilitiesOf(OTHER_IDS, inheritable)).toEqual(all(NONE));
    // The kernel does not take any of a process with this bit.
    expect(await capabilitiesOf(OTHER_IDS, [...inheritable, '--securebits', '+no_setuid_fixup'])).toEqual(all(NONE));
  },
);

withCapabilities('a child that stays root has the capabilities of root', async () => {
  const own = await capabilitiesOf({}, ['env']);
  expect(own.CapEff).not.toBe(NONE);
  expect(await capabilitiesOf({ gid: 65_533, groups: [] }, ['env'])).toEqual(own);
});

testWhen(
  isRoot && isLinux && commandWorks(...CAPABLE, 'true') && canRefuseSyscalls(),
  'needs root, setpriv(1), python3 and seccomp',
)('a child that cannot give capabilities up is not started, and a child that has none need not', async () => {
  for (const call of ['capget', 'capset']) {
    const master = ['setpriv', '--inh-caps', '+setuid', ...refusing(call, 'EPERM')];
    expect(await outputOf(master, 'native/status.mjs', JSON.stringify(OTHER_IDS))).toBe(`EPERM ${call}`);
  }
  expect(await capabilitiesOf(OTHER_IDS, refusing('capset', 'EPERM'))).toEqual(all(NONE));
});

asRoot('more groups than the kernel takes is EINVAL of setgroups', () => {
  const groups = Array.from({ length: 65_537 }, (_, i) => i);
  const error = failsCleanly(() => native.spawn({ ...status, groups }, () => {}));
  expect(error).toMatchObject({ code: 'EINVAL', syscall: 'setgroups' });
});

asRoot('a program that the dropped uid may not run is EACCES of execve', () => {
  const file = join(folder, 'private');
  writeFileSync(file, '#!/bin/sh\n', { mode: 0o700 });
  const request = { ...status, file, args: ['x'], uid: 65_534, gid: 65_534, groups: [] };
  const error = failsCleanly(() => native.spawn(request, () => {}));
  expect(error).toMatchObject({ code: 'EACCES', syscall: 'execve', path: file });
});

testWithProc('the groups of a user come from the database, and a user that is not in it is undefined', async () => {
  const { out: gid } = await run(shell('id -g root'));
  const { out: groups } = await run(shell('id -G root'));
  const found = native.findUser(0);
  expect(found?.gid).toBe(Number(gid));
  expect(found?.groups.toSorted((a, b) => a - b)).toEqual(
    groups
      .trim()
      .split(' ')
      .map(Number)
      .toSorted((a, b) => a - b),
  );
  expect(native.findUser(3_999_999_999)).toBeUndefined();
});

/** Starts the fixture, which spawns a child and prints its pid; kills the fixture and waits for the child's end. */
async function killMaster(mode: string): Promise<void> {
  const master = spawn(process.execPath, [fixture('native/master.mjs'), mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(master.stdout, 'data')) as [Buffer];
  const { master: pid, child } = JSON.parse(line.toString()) as { master: number; child: number };
  process.kill(pid, 'SIGKILL');
  await once(master, 'exit');
  await untilDead(child, { within: PATIENCE });
}

testWithProc('W19 a child dies with a killed master by the kernel, before it has done anything itself', async () => {
  await killMaster('plain');
});

asRoot(
  'W19e a child of another uid dies with its master: the death signal is armed after the ids are dropped',
  async () => {
    await killMaster('other-uid');
  },
);

testWithProc('a child gets the soft limit of open files that Node raised for itself at start', async () => {
  // The shell stays as the parent, which still has the limit that Node raises.
  const script = 'ulimit -S -n 300; ulimit -H -n 2000; "$0" "$1" limits; true';
  const args = ['-c', script, process.execPath, fixture('native/master.mjs')];
  const outer = spawn('/bin/sh', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [out] = await Promise.all([text(outer.stdout), once(outer, 'exit')]);
  expect(JSON.parse(out)).toEqual({ own: [2000, 2000], child: [300, 2000] });
});

testWithProc('a child gets the limit of its master where the original one is unknown', async () => {
  const limit = (text: string): string | undefined => /^Max open files\s+(\S+\s+\S+)/m.exec(text)?.[1];
  const { out } = await run(shell('', { file: '/bin/cat', args: ['cat', '/proc/self/limits'] }));
  // The parent of this process is a Node process that raised its own limit.
  expect(limit(out)).toBe(limit(readFileSync('/proc/self/limits', 'utf8')));
  expect(await start(shell('exit 0')).exit).toEqual({ code: 0, signal: null });
});

testWhen(isRoot && commandWorks(...UNPRIVILEGED, 'prlimit', '--version'), 'needs root, setpriv(1) and prlimit(1)')(
  'W7 a system that has no room for another process is EAGAIN of clone, and nothing is left behind',
  async () => {
    const script = `
      const { execFileSync } = require('node:child_process');
      const { readdirSync } = require('node:fs');
      const native = require(${JSON.stringify(fixture('../../build/Release/prefork.node'))});
      execFileSync('prlimit', ['--nproc=1', '--pid', String(process.pid)]);
      const before = readdirSync('/proc/self/fd').length;
      const request = { file: '/bin/true', args: ['true'], env: [], fds: [0, 1, 2], dieWithParent: true, listenPid: false };
      for (let i = 0; i < 20; i++) {
        try { native.spawn(request, () => {}); }
        catch ({ code, syscall, message }) { if (i === 19) console.log(code, syscall, readdirSync('/proc/self/fd').length - before); }
      }`;
    const [file, ...args] = [...UNPRIVILEGED, process.execPath, '-e', script];
    const child = spawn(file as string, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [out] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(out).toBe('EAGAIN clone 0\n');
  },
);
