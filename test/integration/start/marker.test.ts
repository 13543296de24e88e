import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { agent } from '../../helpers/agent.js';
import { environmentOf, httpGet, NEEDED, startMaster, startReadyFleet, target } from '../../helpers/index.js';

/** The environment that a process was started with; unlike a map it keeps what is in it twice. */
function initialEnvironment(pid: number, prefix: string): readonly string[] {
  const pairs =
    target.agent === undefined
      ? readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
      : [...environmentOf(pid)].map(([name, value]) => `${name}=${value}`);
  return pairs.filter((pair) => pair.startsWith(prefix));
}

test.each([
  [undefined, false],
  ['1', true],
  ['', false],
  ['0', false],
  ['11', false],
  ['01', false],
  [' 1', false],
  ['1 ', false],
  ['1\n', false],
  ['true', false],
  ['yes', false],
])('C1 with PREFORK_CHILD=%j isChild() is %s', async (marker, child) => {
  const program = startMaster('is-child', { env: { PREFORK_CHILD: marker } });
  const answer = await program.event('answer');
  expect(answer).toMatchObject({ child, again: child });
  // A worker's own children are not workers; the package leaves variables that are no marker alone.
  expect(answer['marker']).toBe(child ? undefined : marker);
  expect(await program.gone()).toEqual({ code: 0, signal: null });
});

test('C4 a worker has exactly one marker whatever its master inherited, and variables of similar name are kept', async () => {
  const stale = { PREFORK_CHILD: '0', PREFORK_SLOT: '7', PREFORK_CONTROL_FD: '99', LISTEN_FDS: '5', LISTEN_PID: '1' };
  const sibling = { PREFORK_CHILD_SIBLING: 'kept' };
  const { master, pids, port } = await startReadyFleet({}, { env: { ...stale, ...sibling } });
  for (const [slot, pid] of pids.entries()) {
    expect(initialEnvironment(pid, 'PREFORK_CHILD')).toHaveLength(2);
    expect(initialEnvironment(pid, 'PREFORK_CHILD=')).toEqual(['PREFORK_CHILD=1']);
    expect(initialEnvironment(pid, 'PREFORK_CHILD_SIBLING=')).toEqual(['PREFORK_CHILD_SIBLING=kept']);
    expect(initialEnvironment(pid, 'PREFORK_SLOT=')).toEqual([`PREFORK_SLOT=${slot}`]);
    // Sockets of Windows come by another way than descriptors, which systemd's variables would announce.
    const inherits = target.lacks.descriptors === undefined;
    const control = `PREFORK_CONTROL_FD=${inherits ? 4 : 3}`;
    expect(initialEnvironment(pid, 'PREFORK_CONTROL_FD=')).toEqual([control]);
    expect(initialEnvironment(pid, 'LISTEN_FDS=')).toEqual(inherits ? ['LISTEN_FDS=1'] : []);
    expect(initialEnvironment(pid, 'LISTEN_PID=')).toEqual(inherits ? [`LISTEN_PID=${pid}`] : []);
  }
  const seenByProgram = (await httpGet({ port, path: '/env' })).json<Record<string, string>>();
  expect(seenByProgram['PREFORK_CHILD_SIBLING']).toBe('kept');
  expect(Object.keys(seenByProgram).filter((name) => /^(PREFORK_(?!CHILD_SIBLING|TEST)|LISTEN_)/.test(name))).toEqual(
    [],
  );
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

test('C4 a marker in the option env does not become a second one', async () => {
  const needed =
    target.agent === undefined
      ? Object.fromEntries(NEEDED.map((name) => [name, process.env[name]]))
      : agent().registering;
  const env = { ...needed, PREFORK_CHILD: 'mine', PREFORK_CHILD_SIBLING: 'kept' };
  const { master, pids } = await startReadyFleet({ options: { workers: 1, env } });
  expect(initialEnvironment(pids[0] as number, 'PREFORK_CHILD').toSorted()).toEqual([
    'PREFORK_CHILD=1',
    'PREFORK_CHILD_SIBLING=kept',
  ]);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});
