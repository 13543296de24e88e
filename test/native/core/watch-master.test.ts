import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { bounded } from '../../helpers/eventually.js';
import { isAlive, untilDead } from '../../helpers/processes.js';
import { commandWorks, isLinux, testWhen } from '../../helpers/skip.js';
import { canRefuseSyscalls, canUnsharePids, inPidNamespace, refusing } from '../../helpers/wrappers.js';
import { errorOf, fixture, native, PATIENCE } from '../native-helpers.js';

interface Pair {
  readonly process: ChildProcess;
  readonly master: number;
  readonly worker: number;
  stderr(): string;
  /** The next line that the worker prints, or the master about it. */
  line(): Promise<string>;
  /** Kills the master and waits until no process holds its standard output any more: then the worker is gone, too. */
  kill(): Promise<{ readonly lines: string[]; readonly stderr: string }>;
  end(): Promise<string[]>;
}

interface PairOptions {
  /** Around master and worker. */
  readonly around?: readonly string[];
  /** Between master and worker. */
  readonly wrapper?: readonly string[];
}

/** Processes of the running test, so that a failed one leaves none behind. */
const pids = new Set<number>();
afterEach(() => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone, as it should be.
    }
  }
  pids.clear();
});

async function startPair(words: readonly string[], { around = [], wrapper = [] }: PairOptions = {}): Promise<Pair> {
  const command = [...around, process.execPath, fixture('native/parent.mjs'), ...wrapper, '--', ...words];
  const child = spawn(command[0] as string, command.slice(1), { stdio: 'pipe' });
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const closed = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await bounded(lines.next(), PATIENCE, () => `the pair says something; stderr: ${stderr}`);
    if (next.done) throw new Error(`the pair ended; stderr: ${stderr}`);
    return next.value;
  };
  const { master, worker } = JSON.parse(await line()) as { master: number; worker: number };
  // Inside a namespace the numbers mean other processes: there the wrapper takes them along.
  for (const pid of around.length > 0 ? [child.pid as number] : [master, worker]) pids.add(pid);
  const end = async (): Promise<string[]> => {
    const rest: string[] = [];
    const read = async (): Promise<void> => {
      for (let next = await lines.next(); !next.done; next = await lines.next()) rest.push(next.value);
      await closed;
    };
    await bounded(read(), PATIENCE, 'master and worker are gone');
    return rest;
  };
  const kill = async (): Promise<{ lines: string[]; stderr: string }> => {
    process.kill(around.length > 0 ? (child.pid as number) : master, 'SIGKILL');
    return { lines: await end(), stderr };
  };
  return { process: child, master, worker, stderr: () => stderr, line, kill, end };
}

async function armed(words: readonly string[], options?: PairOptions): Promise<Pair> {
  const pair = await startPair(words, options);
  expect(await pair.line()).toBe('armed');
  return pair;
}

test('W19 a worker ends at once when its master is killed, before anything was configured', async () => {
  // Without the death signal, so that the watch has to act.
  const { stderr } = await (await armed(['idle', 'no-death-signal'])).kill();
  expect(stderr).toMatch(/^prefork: worker \d+ ends: master \d+ is gone\n$/);
});

test('W19a a worker whose event loop is blocked ends when its grace is over', async () => {
  const { lines, stderr } = await (await armed(['block', 'grace=200'])).kill();
  expect(lines).toEqual([]);
  expect(stderr).toMatch(
    /^prefork: worker \d+ ends: master \d+ is gone and 200 ms of grace are over(; it waited \d+ ms for a CPU)?\n$/,
  );
});

test('W19d onDeath is called once, and a worker that then goes on ends when its grace is over', async () => {
  const started = performance.now();
  const { lines, stderr } = await (await armed(['idle', 'grace=2000'])).kill();
  expect(lines).toEqual(['dead']);
  expect(stderr).toContain('2000 ms of grace are over');
  expect(performance.now() - started).toBeGreaterThan(1_950);
});

test('W19 a full stderr that no process reads keeps no orphan alive', async () => {
  // A pipe whose reading end stays with a process that never reads, as a log collector that hangs does.
  const [unread, full] = native.pipe();
  const command = [fixture('native/parent.mjs'), '--', 'flood', 'grace=100', 'no-death-signal'];
  const master = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', full] });
  native.closeFd(full);
  const exited = once(master, 'exit');
  const lines = createInterface({ input: master.stdout as Readable })[Symbol.asyncIterator]();
  const { worker } = JSON.parse((await lines.next()).value as string) as { worker: number };
  expect((await lines.next()).value).toBe('armed');
  master.kill('SIGKILL');
  await exited;
  await untilDead(worker, { within: PATIENCE });
  native.closeFd(unread);
});

test('W19 with the death signal kept, the kernel ends the worker whatever the grace is', async () => {
  const { stderr } = await (await armed(['idle', 'grace=600000', 'keep'])).kill();
  expect(stderr).toBe('');
});

test('a worker whose watch is off outlives its master', async () => {
  const pair = await armed(['idle', 'off']);
  process.kill(pair.master, 'SIGKILL');
  await untilDead(pair.master);
  // A watch would have acted by the time that a second worker has come and gone by its own.
  await (await armed(['idle', 'no-death-signal'])).kill();
  expect(isAlive(pair.worker)).toBe(true);
  process.kill(pair.worker, 'SIGKILL');
  await pair.end();
});

test('a worker whose watch is closed outlives its master', async () => {
  const pair = await armed(['idle', 'close-watch', 'no-death-signal']);
  process.kill(pair.master, 'SIGKILL');
  await (await armed(['idle', 'no-death-signal'])).kill();
  expect(isAlive(pair.worker)).toBe(true);
  process.kill(pair.worker, 'SIGKILL');
  await pair.end();
});

test('W19f through a wrapper, where the parent is not the master, the watch works as well', async () => {
  const wrapper = ['sh', '-c', '"$@"; exit $?', 'sh'];
  await (await armed(['idle', 'no-death-signal'], { wrapper })).kill();
  await (await armed(['block', 'grace=100', 'no-death-signal'], { wrapper })).kill();
});

const namespaces = testWhen(canUnsharePids(), 'needs unshare --pid');

namespaces('W19c a master that is PID 1 of its namespace: its workers end with it', async () => {
  const pair = await armed(['idle'], { around: inPidNamespace });
  expect(pair.master).toBe(1);
  await pair.kill();
});

namespaces(
  'a worker in a PID namespace of its own, where the pid means no process, notices the death by the channel',
  async () => {
    const wrapper = ['unshare', '--pid', '--fork'];
    const { lines } = await (await armed(['idle', 'grace=2000', 'no-death-signal'], { wrapper })).kill();
    expect(lines).toEqual(['dead']);
  },
);

namespaces('a worker in a PID namespace of its own without a channel gets an error instead of a watch', async () => {
  const wrapper = ['unshare', '--pid', '--fork'];
  const pair = await startPair(['idle', 'no-channel', 'no-death-signal'], { wrapper });
  expect(await pair.line()).toBe('pidfd_open ESRCH');
  expect(await pair.line()).toBe('exit 9 null');
  await pair.end();
});

const refusable = testWhen(canRefuseSyscalls(), 'needs python3 and seccomp');

for (const error of ['EPERM', 'ENOSYS', 'EACCES']) {
  refusable(`W19h where pidfd_open gives ${error} the channel alone shows the death of the master`, async () => {
    const wrapper = refusing('pidfd_open', error);
    const { lines } = await (await armed(['idle', 'grace=2000', 'no-death-signal'], { wrapper })).kill();
    expect(lines).toEqual(['dead']);
  });
}

refusable(
  'W19h without pidfd_open a worker that closed its end of the channel notices the death: the watch has a duplicate',
  async () => {
    const wrapper = refusing('pidfd_open', 'EPERM');
    await (await armed(['block', 'grace=50', 'close-channel', 'no-death-signal'], { wrapper })).kill();
  },
);

refusable('without pidfd_open and without a channel the watch refuses to pretend', async () => {
  const pair = await startPair(['idle', 'no-channel'], { wrapper: refusing('pidfd_open', 'EPERM') });
  expect(await pair.line()).toBe('pidfd_open EPERM');
  await pair.end();
});

test('without a channel the pid of the master is enough', async () => {
  await (await armed(['idle', 'no-channel', 'no-death-signal'])).kill();
});

test('a worker that closed its channel notices the death of the master by pid, and the master reads end-of-file', async () => {
  const pair = await startPair(['listen', 'block', 'grace=50', 'close-channel', 'no-death-signal']);
  // Two processes print these, in any order.
  expect([await pair.line(), await pair.line()].toSorted()).toEqual(['armed', 'end-of-file']);
  expect(isAlive(pair.worker)).toBe(true);
  await pair.kill();
});

test('a master that closes the channel and lives on is gone for its worker', async () => {
  const pair = await armed(['hang-up', 'idle', 'grace=2000']);
  pair.process.stdin?.end();
  expect(await pair.end()).toEqual(['dead', 'exit 1 null']);
});

test('exitAfter ends a worker with its code while the event loop is blocked, and says so', async () => {
  const pair = await startPair(['block', 'exit-after=100,42']);
  expect(await pair.line()).toBe('armed');
  expect(await pair.end()).toEqual(['exit 42 null']);
  expect(pair.stderr()).toMatch(
    /^prefork: worker \d+ ends: its time is over, and it has not ended by itself(; it waited \d+ ms for a CPU)?\n$/,
  );
});

test('a worker that stood still across its deadline has the turns in which it ends by itself', async () => {
  for (const deadline of ['exit-after=3100,42', 'grace=3100']) {
    const orphaned = deadline.startsWith('grace');
    const pair = await armed([deadline, 'leaves=3000,7', 'no-death-signal']);
    if (orphaned) {
      process.kill(pair.master, 'SIGKILL');
      expect(await pair.line()).toBe('dead');
    }
    process.kill(pair.worker, 'SIGSTOP');
    // The deadline passes while nothing of the worker runs.
    await delay(4_500);
    process.kill(pair.worker, 'SIGCONT');
    const lines = await pair.end();
    expect(lines.at(-1)).toBe(orphaned ? 'leaves' : 'exit 7 null');
    expect(pair.stderr()).toBe('');
  }
});

testWhen(isLinux && commandWorks('taskset', '-c', '0', 'true'), 'needs schedstat and taskset')(
  'a worker that gets no CPU at its deadline has more time, half a second at the most, and says how long it waited',
  async () => {
    const wrapper = ['taskset', '-c', '0'];
    const pair = await startPair(['block', 'exit-after=2000,42', 'when'], { wrapper });
    const burner = spawn('taskset', ['-c', '0', process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' });
    try {
      // By its own clock: this process may read it late.
      const [, begun = ''] = /^armed (\d+)$/.exec((await pair.line()) ?? '') ?? [];
      expect(begun).not.toBe('');
      // Its main thread alone: setpriority(2) takes the number of a thread.
      setPriority(pair.worker, 19);
      expect(await pair.end()).toEqual(['exit 42 null']);
      expect(Number(process.hrtime.bigint() - BigInt(begun)) / 1e6).toBeGreaterThan(2_300);
      expect(pair.stderr()).toMatch(/it has not ended by itself; it waited \d{3,} ms for a CPU\n$/);
    } finally {
      burner.kill('SIGKILL');
      await once(burner, 'exit');
    }
  },
);

test('neither the watch nor a far deadline keeps a worker alive that has nothing left to do', async () => {
  const pair = await startPair(['grace=600000', 'exit-after=600000,42']);
  expect(await pair.line()).toBe('armed');
  expect(await pair.end()).toEqual(['exit 0 null']);
});

test('W19b a master that died before its worker armed the watch ends that worker at once', () => {
  // A pid that is not in use: pids are not handed out again this quickly.
  const request = { pid: 2 ** 22 + 1, controlFd: -1 };
  expect(errorOf(() => native.watchMaster({ ...request, controlFd: 99_999 }, () => {}))).toMatchObject({
    code: 'EBADF',
  });
  const script = `require(${JSON.stringify(fixture('../../dist/addon/binding.cjs'))}).native.watchMaster(${JSON.stringify(request)}, () => {}); for (;;);`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'pipe'] });
  return bounded(once(child, 'exit'), PATIENCE, 'the worker ends').then(([code]) => expect(code).toBe(1));
});
