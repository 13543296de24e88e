import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import {
  canUnsharePids,
  commandWorks,
  inPackage,
  inPidNamespace,
  isRoot,
  type Master,
  patience,
  startFleet,
  startMaster,
  startReadyFleet,
  target,
  testWhen,
} from '../../helpers/index.js';
import { descendants, killMaster, occupy } from '../../helpers/orphans.js';

const GRACE = 700;
const options = { workers: 2, shutdownGracePeriod: GRACE } as const;

const inNamespace = testWhen(canUnsharePids(), 'needs unshare --pid', 'posixProcesses');

inNamespace('W19c workers of a master that is PID 1 of a namespace end with it, blocked as they are', async () => {
  const { master, port } = await startReadyFleet({ options }, { wrapper: inPidNamespace });
  await occupy(master, port, '/block', 2);
  const [pid1] = descendants(master.pid) as [number];
  await killMaster(master, GRACE, pid1);
});

// Here the namespace outlives the master, and the workers become children of PID 1.
const underShell = [...inPidNamespace, 'sh', '-c', '"$@"; read end', 'sh'];

inNamespace(
  'W19c workers that become children of PID 1 end: idle, blocked, and booting',
  async () => {
    const fleet = async (): Promise<{ master: Master; port: number; pid: number }> => {
      const { master, port } = await startReadyFleet({ options }, { wrapper: underShell });
      const [, pid] = descendants(master.pid) as [number, number];
      return { master, port, pid };
    };
    const idle = await fleet();
    await killMaster(idle.master, GRACE, idle.pid);
    const blocked = await fleet();
    await occupy(blocked.master, blocked.port, '/block', 2);
    await killMaster(blocked.master, GRACE, blocked.pid);
    for (let ms = 0; ms <= 60; ms += 20) {
      const master = startFleet({ options }, { wrapper: underShell });
      await master.event('on spawn');
      await delay(ms);
      await killMaster(master, GRACE, (descendants(master.pid) as [number, number])[1]);
      await master.dispose();
    }
  },
  patience(120_000),
);

const producing = (how: string, extra: object = {}): Master =>
  startMaster('workers-by-producer', { args: [JSON.stringify({ how, options, ...extra })] });

test.each(['plain', 'behind a shell', 'behind a shell in a session of its own'])(
  'W19f workers of a commandProducer end when their master is killed: idle, blocked, and booting (%s)',
  async (how) => {
    const idle = producing(how);
    await idle.event('onMasterReady');
    await killMaster(idle, GRACE);
    const blocked = producing(how, { boot: 'block' });
    await blocked.event('serve', { nth: 2 });
    await killMaster(blocked, GRACE);
    for (let ms = 0; ms <= 80; ms += 20) {
      const booting = producing(how);
      await booting.event('on spawn', { nth: 2 });
      await delay(ms);
      await killMaster(booting, GRACE);
      await booting.dispose();
    }
  },
  patience(120_000),
);

test('W19f a worker whose program is a shell that starts node ends with the shell, idle or blocked', async () => {
  const script = inPackage('test/fixtures/fleet.mjs');
  const config = {
    options: { ...options, exec: '/bin/sh', args: ['-c', '"$@"; exit $?', 'sh', target.node, script] },
  };
  const args = [...config.options.args, JSON.stringify({ options })];
  const idle = await startReadyFleet({ options: { ...config.options, args } });
  await killMaster(idle.master, GRACE);
  const { master, port } = await startReadyFleet({ options: { ...config.options, args } });
  await occupy(master, port, '/block', 2);
  await killMaster(master, GRACE);
});

const folder = mkdtempSync(join(tmpdir(), 'prefork-capable-node-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NOBODY = 65_534;
const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] as const;

/** A node that may bind low ports, as administrators make it; `undefined` where that cannot be done. */
function capableNode(): string | undefined {
  if (!isRoot || !commandWorks(...asNobody, 'true')) return undefined;
  const node = join(folder, 'node');
  try {
    copyFileSync(target.node, node);
    execFileSync('setcap', ['cap_net_bind_service=+ep', node], { stdio: 'ignore' });
    execFileSync('chmod', ['755', folder, node]);
  } catch {
    return undefined;
  }
  return commandWorks(...asNobody, node, '--version') ? node : undefined;
}

const node = capableNode();
const capable = testWhen(node !== undefined, 'needs root, setpriv and setcap', 'posixProcesses');

// The kernel clears PR_SET_PDEATHSIG when it executes a file that gives capabilities.
capable(
  'W19g workers whose node has file capabilities end: idle, blocked, and booting',
  async () => {
    const config = { options: { ...options, exec: node as string } };
    const script = inPackage('test/fixtures/fleet.mjs');
    const start = (boot?: string): Master => {
      const args = [script, JSON.stringify({ ...config, ...(boot === undefined ? {} : { boot }) })];
      return startFleet(
        { options: { ...config.options, args }, ...(boot === undefined ? {} : { boot }) },
        { wrapper: asNobody },
      );
    };
    const idle = start();
    await idle.event('onMasterReady');
    await killMaster(idle, GRACE);
    const blocked = start('block');
    await blocked.event('serve', { nth: 2 });
    await killMaster(blocked, GRACE);
    for (let ms = 0; ms <= 80; ms += 20) {
      const booting = start();
      await booting.event('on spawn', { nth: 2 });
      await delay(ms);
      await killMaster(booting, GRACE);
      await booting.dispose();
    }
    expect(node).toBeDefined();
  },
  patience(120_000),
);
