import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect } from 'vitest';
import {
  commandWorks,
  connectRaw,
  environmentOf,
  eventually,
  httpGet,
  type Master,
  NEEDED,
  openFds,
  sendSignal,
  startFleet,
  startMaster,
  testWhen,
} from '../../helpers/index.js';
import { startWatched } from '../../helpers/whole-run.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prefork-activation-fleet-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Runs the command behind it with these sockets. */
function activated(...sockets: readonly string[]): readonly string[] {
  return ['python3', fileURLToPath(new URL('../../fixtures/activates.py', import.meta.url)), ...sockets, '--'];
}

const withPython = testWhen(commandWorks('python3', '-c', ''), 'needs python3', 'posixProcesses');

async function stops(master: Master): Promise<void> {
  master.kill('SIGTERM');
  const exit = await master.gone();
  expect(exit).toEqual({ code: 0, signal: null });
}

withPython(
  'a fleet serves on the sockets of the service manager, by name and by address, and recovers on them',
  async () => {
    const path = join(folder, 'app.sock');
    const listen = [`unix:${path}`, { port: 0, name: 'web' }];
    const master = startWatched(
      { options: { listen, workers: 2 } },
      { wrapper: activated('web=tcp', `local=unix:${path}`) },
    );
    const given = await master.event('activated');
    const { pids, addresses } = await master.event('onMasterReady');
    const port = given['addresses'][0][1];
    expect(addresses).toEqual([
      { name: '0', family: 'unix', address: path },
      { name: 'web', family: 'IPv4', address: '127.0.0.1', port },
    ]);
    // The descriptors of the manager, not sockets of the master's own; in the order of the option in the workers.
    const ofMaster = openFds(master.pid);
    for (const pid of pids) {
      expect([openFds(pid).get(3), openFds(pid).get(4)]).toEqual([ofMaster.get(4), ofMaster.get(3)]);
      expect(environmentOf(pid).get('LISTEN_FDS')).toBe('2');
      expect(environmentOf(pid).get('LISTEN_FDNAMES')).toBe('0:web');
      expect(environmentOf(pid).get('LISTEN_PID')).toBe(String(pid));
    }
    expect(pids).toContain((await httpGet({ socketPath: path })).json().pid);

    sendSignal(pids[0], 'SIGKILL');
    const { newPid } = await master.event('onChildRecover');
    expect(openFds(newPid).get(3)).toBe(ofMaster.get(4));
    master.kill('SIGTERM');
    await master.gone();
    const { children, signals } = await master.event('left');
    expect({ children, signals }).toEqual({ children: [], signals: [] });
    // The file belongs to the service manager.
    expect(existsSync(path)).toBe(true);
  },
);

withPython('a connection that was made before the master ran is answered', async () => {
  const path = join(folder, 'app.sock');
  // The program of the master does not start before the connection is there.
  const gate = join(folder, 'gate');
  const wait = ['/bin/sh', '-c', `until [ -e ${gate} ]; do sleep 0.02; done; exec "$@"`, 'sh'];
  const master = startFleet(
    { options: { listen: `unix:${path}` } },
    { wrapper: [...activated(`x=unix:${path}`), ...wait] },
  );
  await master.event('activated');
  const early = await connectRaw({ socketPath: path });
  early.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(master.events('program')).toEqual([]);
  writeFileSync(gate, '');
  expect(await early.until('"pid":')).toContain('200 OK');
  early.close();
  await stops(master);
});

withPython('two fleets of one program share what the service manager passed', async () => {
  const options = { first: { listen: { port: 0, name: 'one' } }, second: { listen: { port: 0, name: 'two' } } };
  const master = startMaster('two-fleets', {
    args: [JSON.stringify(options)],
    wrapper: activated('two=tcp', 'one=tcp'),
  });
  const { addresses } = await master.event('activated');
  for (const [fleet, index] of [
    ['first', 1],
    ['second', 0],
  ] as const) {
    const ready = await master.event('onMasterReady', { where: (event) => event['fleet'] === fleet });
    expect(ready['addresses'][0].port).toBe(addresses[index][1]);
    expect((await httpGet({ port: addresses[index][1] })).json<{ fleet: string }>().fleet).toBe(fleet);
  }
  await stops(master);
});

testWhen(
  commandWorks('systemd-socket-activate', '--version'),
  'needs systemd-socket-activate',
  'posixProcesses',
)('a fleet is started by systemd-socket-activate on its first connection, and answers it', async () => {
  const path = join(folder, 'app.sock');
  const passed = [...NEEDED, 'PREFORK_TEST_RUN'].flatMap((name) => ['--setenv', name]);
  const wrapper = ['systemd-socket-activate', ...passed, '--fdname=web', `--listen=${path}`];
  const master = startFleet({ options: { listen: { path, name: 'web' } } }, { wrapper });
  const first = await eventually(() => connectRaw({ socketPath: path }), { what: 'the service manager listens' });
  first.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(await first.until('"pid":')).toContain('200 OK');
  first.close();
  expect((await master.event('onMasterReady'))['addresses']).toEqual([{ name: 'web', family: 'unix', address: path }]);
  expect((await httpGet({ socketPath: path })).status).toBe(200);
  await stops(master);
});
