import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import {
  canRefuseSyscalls,
  connectRaw,
  isRoot,
  patience,
  refusing,
  sendSignal,
  startFleet,
  startMaster,
  startReadyFleet,
  testWhen,
} from '../../helpers/index.js';
import { descendants, killMaster, occupy } from '../../helpers/orphans.js';
import { eachSharing } from '../../helpers/sharing.js';

const GRACE = 700;
const options = { workers: 2, shutdownGracePeriod: GRACE } as const;

eachSharing(['shared', 'reuseport'] as const)(
  'W19 idle workers end when their master is killed, long before their grace is over (%s)',
  async (sharing) => {
    const { master } = await startReadyFleet({ options: { ...options, sharing, shutdownGracePeriod: 20_000 } });
    await killMaster(master, 0);
    await master.gone();
    expect(master.stderr).toContain('the master died; draining');
  },
);

test('W19 a worker whose client never lets go ends with its grace', async () => {
  const { master, port, pids } = await startReadyFleet({ options: { ...options, workers: 1 } });
  await occupy(master, port, '/stream', pids.length);
  expect(await killMaster(master, GRACE)).toBeGreaterThan(GRACE - 50);
});

test('W19 a request in flight is answered after the death of the master, within the grace', async () => {
  const grace = patience(15_000);
  const { master, port } = await startReadyFleet({ options: { ...options, workers: 1, shutdownGracePeriod: grace } });
  const connection = await connectRaw({ port });
  connection.write(`GET /slow?ms=${patience(6_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await master.event('request');
  await killMaster(master, grace);
  expect(await connection.until('"path":"/slow"')).toMatch(/connection: close/i);
});

test('W19a a worker whose event loop is blocked by while(true) ends with its grace', async () => {
  const { master, port, pids } = await startReadyFleet({ options });
  await occupy(master, port, '/block', pids.length);
  await killMaster(master, GRACE);
  await master.gone();
  expect(master.stderr).toMatch(/prefork: worker \d+ ends: master \d+ is gone and 700 ms of grace are over/);
});

test('W19a a worker that blocks its event loop in serve ends with its grace', async () => {
  const master = startFleet({ boot: 'block', options });
  await master.event('serve', { nth: 2 });
  await killMaster(master, GRACE);
});

test.each(['block', 'idle'])('W19a, W19b a worker that never reaches prefork() ends at once (%s)', async (how) => {
  const master = startMaster('busy-before-prefork', { args: [how] });
  await master.event('busy', { nth: 2 });
  await killMaster(master, 0);
});

test(
  'W19b workers whose master dies while they boot end, at many moments',
  async () => {
    for (let ms = 0; ms <= 120; ms += 8) {
      const master = startFleet({ options: { ...options, workers: 3 } });
      await master.event('on spawn', { nth: 1 + (ms % 3) });
      await delay(ms);
      await killMaster(master, GRACE);
      await master.dispose();
    }
  },
  patience(120_000),
);

test(
  'W19b a master that dies between two spawns leaves no process, at many moments',
  async () => {
    for (let ms = 0; ms <= 45; ms += 3) {
      const master = startFleet({ options: { ...options, workers: 4 } });
      // The test kills it from outside, in the middle of its work.
      await master.event('program');
      await delay(ms);
      master.kill('SIGKILL');
      await master.gone({ within: GRACE + 5_000 });
    }
  },
  patience(120_000),
);

/** A worker that gets no CPU for a while comes to its hook all the same. */
const inItsGrace = { ...options, shutdownGracePeriod: 3_000 };

test('W19d a worker whose onMasterDeath never settles ends with its grace', async () => {
  const { master } = await startReadyFleet({ options: inItsGrace, onMasterDeath: 'never settle' });
  expect(await killMaster(master, inItsGrace.shutdownGracePeriod)).toBeGreaterThan(2_950);
  await master.gone();
  expect(master.events('onMasterDeath')).toHaveLength(2);
});

test('W19d a worker whose onMasterDeath blocks the event loop ends with its grace', async () => {
  const { master } = await startReadyFleet({ options: inItsGrace, onMasterDeath: 'block' });
  await killMaster(master, inItsGrace.shutdownGracePeriod);
  await master.gone();
  expect(master.events('onMasterDeath')).toHaveLength(2);
});

test('W19d onMasterDeath runs once in every worker, and its end is the end of the worker', async () => {
  const { master } = await startReadyFleet({
    options: { ...options, shutdownGracePeriod: 20_000 },
    onMasterDeath: 'wait:50',
  });
  await killMaster(master, 0);
  await master.gone();
  expect(master.events('onMasterDeath')).toHaveLength(2);
});

test("W19 with onMasterDeath 'kill' workers end at once, whatever they do", async () => {
  const { master, port, pids } = await startReadyFleet({
    options: { ...options, shutdownGracePeriod: 20_000 },
    onMasterDeath: 'kill',
  });
  await occupy(master, port, '/block', pids.length);
  await killMaster(master, 0);
});

test('W19 with onMasterDeath false workers go on serving', async () => {
  const { master, port } = await startReadyFleet({ options, onMasterDeath: false });
  const workers = descendants(master.pid);
  master.kill('SIGKILL');
  await master.exit();
  const connection = await connectRaw({ port });
  connection.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await connection.until('200 OK');
  for (const pid of workers) sendSignal(pid, 'SIGKILL');
  await master.gone();
});

// The limits of killMaster grow with the slowness of a target; this one does not.
test.each([
  ['with a grace of 100 ms', {}, 100],
  ["with onMasterDeath 'kill'", { onMasterDeath: 'kill' }, 0],
] as const)(
  'W19a workers with a blocked event loop are gone 1 s after their grace, on any machine (%s)',
  async (_, policy, grace) => {
    const attempt = async (): Promise<number> => {
      const { master, port, pids } = await startReadyFleet({
        options: { ...options, shutdownGracePeriod: 100 },
        ...policy,
      });
      await occupy(master, port, '/block', pids.length);
      expect(descendants(master.pid)).toEqual(expect.arrayContaining([...pids]));
      return await killMaster(master, grace);
    };
    let took = await attempt();
    // Workers that burn both CPUs, and others: one of them may wait for its end.
    for (let left = 7; left > 0 && took >= grace + 1_000; left--) took = Math.min(took, await attempt());
    expect(took).toBeLessThan(grace + 1_000);
  },
  patience(180_000),
);

const NOBODY = { uid: 65_534, gid: 65_534 };
const asRoot = testWhen(isRoot, 'needs root', 'posixProcesses');

asRoot('W19e workers of another uid end when their master is killed, idle or blocked', async () => {
  const idle = await startReadyFleet({ options: { ...options, ...NOBODY } });
  await killMaster(idle.master, GRACE);
  const { master, port, pids } = await startReadyFleet({ options: { ...options, ...NOBODY } });
  await occupy(master, port, '/block', pids.length);
  await killMaster(master, GRACE);
});

asRoot(
  'W19e workers of another uid whose master dies while they boot end, at many moments',
  async () => {
    for (let ms = 0; ms <= 60; ms += 10) {
      const master = startFleet({ options: { ...options, ...NOBODY } });
      await master.event('on spawn');
      await delay(ms);
      await killMaster(master, GRACE);
      await master.dispose();
    }
  },
  patience(120_000),
);

const refused = testWhen(canRefuseSyscalls(), 'needs python3 and seccomp', 'posixProcesses');

refused(
  'W19h where pidfd_open is refused workers end all the same: idle, blocked, and booting',
  async () => {
    const wrapper = refusing('pidfd_open', 'EPERM');
    const idle = await startReadyFleet({ options }, { wrapper });
    expect((await idle.master.call('features')).pidfd).toBe(false);
    await killMaster(idle.master, GRACE);
    const { master, port, pids } = await startReadyFleet({ options }, { wrapper });
    await occupy(master, port, '/block', pids.length);
    await killMaster(master, GRACE);
    for (let ms = 0; ms <= 60; ms += 20) {
      const booting = startFleet({ options }, { wrapper });
      await booting.event('on spawn');
      await delay(ms);
      await killMaster(booting, GRACE);
      await booting.dispose();
    }
  },
  patience(120_000),
);

refused('W19h where pidfd_open is refused exits are noticed, recovered and stopped all the same', async () => {
  const { master, pids } = await startReadyFleet({ options }, { wrapper: refusing('pidfd_open', 'EPERM') });
  sendSignal(pids[0] as number, 'SIGKILL');
  expect((await master.event('onChildRecover')).oldPid).toBe(pids[0]);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});
