import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import {
  canUnsharePids,
  connectRaw,
  inPidNamespace,
  KILLED,
  type Master,
  sendSignal,
  startReadyFleet,
  target,
  testWhen,
} from '../../helpers/index.js';
import { descendants } from '../../helpers/orphans.js';

/** The words in which every log line about a worker has to name it. */
const IDENTITY = /worker (\d+) \(pid (\d+), generation (\d+)\)/;

/** Lines of the package that speak of a worker process: all but what the fleet as a whole did. */
function linesAboutWorkers(master: Master): readonly string[] {
  return master.stderr.split('\n').filter((line) => /\bworker \d|\bpid \d/.test(line));
}

test('W21 slot, generation and pid are in every log line about a worker', async () => {
  const { master, pids } = await startReadyFleet({ options: { workers: 3, recoverInterval: 0 } });
  sendSignal(pids[1] as number, 'SIGKILL');
  await master.event('onChildRecover');
  sendSignal(pids[2] as number, target.lacks.signals === undefined ? 'SIGTERM' : 'SIGKILL');
  await master.event('onChildRecover', { nth: 2 });
  master.kill('SIGTERM');
  await master.gone();
  const slotOf = new Map(master.events('onChildSpawn').map(({ pid, worker }) => [String(pid), String(worker.slot)]));
  const lines = linesAboutWorkers(master);
  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) {
    const [, slot, pid, generation] = IDENTITY.exec(line) ?? [];
    expect({ line, slot, generation }).toEqual({ line, slot: slotOf.get(pid ?? ''), generation: '0' });
  }
});

test('W21 what a worker says about itself names it, too', async () => {
  const stopped = async () => {
    const { master, port } = await startReadyFleet({ options: { workers: 1, shutdownGracePeriod: 1_000 } });
    const connection = await connectRaw({ port });
    connection.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n');
    const { pid } = await master.event('request');
    master.kill('SIGTERM');
    await master.gone();
    return { master, pid };
  };
  let { master, pid } = await stopped();
  // It got no CPU for its last line.
  while (/did not finish in time and was killed|its time is over/.test(master.stderr))
    ({ master, pid } = await stopped());
  const line = /prefork\[0\] worker 0 \(pid (\d+), generation 0\): not done \d+ ms after the drain began/;
  expect(line.exec(master.stderr)?.[1]).toBe(String(pid));
});

test('W21 slot numbers are reused, pids are new, and what a handle says belongs to its own process', async () => {
  const { master, pids } = await startReadyFleet({
    options: { workers: 2, recoverInterval: 0, recoverThreshold: 100 },
  });
  const filled = new Map<number, number[]>(pids.map((pid, slot) => [slot, [pid]]));
  for (let round = 0; round < 6; round++) {
    const slot = round % 2;
    const victim = filled.get(slot)?.at(-1) as number;
    const recovered = master.next('onChildRecover', { where: ({ oldPid }) => oldPid === victim });
    sendSignal(victim, 'SIGKILL');
    const { newPid } = await recovered;
    filled.get(slot)?.push(newPid);
    const { workers } = await master.call('status');
    expect(
      workers.map((info: { slot: number; pid: number; state: string }) => [info.slot, info.pid, info.state]),
    ).toEqual([
      [0, filled.get(0)?.at(-1), 'ready'],
      [1, filled.get(1)?.at(-1), 'ready'],
    ]);
  }
  // The master reports each exit with the process that exited.
  for (const { worker, exit } of master.events('onChildExit')) {
    expect(filled.get(worker.slot)).toContain(worker.pid);
    expect(exit).toMatchObject({ ...KILLED, requested: false });
  }
  const all = [...filled.values()].flat();
  expect(new Set(all).size).toBe(all.length);
});

/** In a PID namespace a process that may write ns_last_pid chooses the next pid, pid_namespaces(7). */
function nextPid(pid1: number, next: number): void {
  const script = `echo ${next - 1} > /proc/sys/kernel/ns_last_pid`;
  execFileSync('nsenter', ['--target', String(pid1), '--pid', '--mount', 'sh', '-c', script]);
}

function canChoosePids(): boolean {
  if (!canUnsharePids()) return false;
  try {
    execFileSync('unshare', ['--pid', '--fork', '--mount-proc', 'sh', '-c', 'echo 1 > /proc/sys/kernel/ns_last_pid'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

testWhen(
  canChoosePids(),
  'needs unshare --pid and ns_last_pid',
  'posixProcesses',
)(
  'W21 a worker that gets the very pid of its predecessor is another worker: recovered, listed and stopped like any',
  async () => {
    const { master, pids } = await startReadyFleet(
      { options: { workers: 2, recoverInterval: 6_000 } },
      { wrapper: inPidNamespace },
    );
    const [pid1] = descendants(master.pid) as [number];
    const [victim, other] = pids as [number, number];
    execFileSync('nsenter', ['--target', String(pid1), '--pid', '--mount', 'kill', '-KILL', String(victim)]);
    await master.event('onChildExit');
    nextPid(pid1, victim);
    const { oldPid, newPid } = await master.event('onChildRecover');
    expect([oldPid, newPid]).toEqual([victim, victim]);
    const { workers, recoveries } = await master.call('status');
    expect(recoveries).toBe(1);
    expect(workers.map(({ pid, state }: { pid: number; state: string }) => [pid, state])).toEqual([
      [victim, 'ready'],
      [other, 'ready'],
    ]);
    sendSignal(pid1, 'SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    expect(master.events('onChildExit').map(({ exit }) => exit.requested)).toEqual([false, true, true]);
  },
);
