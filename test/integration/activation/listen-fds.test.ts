import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { commandWorks, isLinux, type Master, startFleet, testWhen } from '../../helpers/index.js';

const folder = mkdtempSync(join(tmpdir(), 'prefork-listen-fds-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const withShell = testWhen(isLinux && commandWorks('/bin/sh', '-c', 'true'), 'needs proc(5)', 'posixProcesses');
const fifo = join(folder, 'fifo');

/** A shell that opens what the script says, and becomes the master with that promise. */
function start(script: string, promise: number | string): Master {
  const shell = `${script}; export LISTEN_PID=$$ LISTEN_FDS=${promise}; exec "$@"`;
  return startFleet({ options: { workers: 1 } }, { wrapper: ['/bin/sh', '-c', shell, 'sh'] });
}

const FOREIGN: readonly [string, string, number | string, RegExp][] = [
  ["Node's epoll", ':', 1, /3 cannot be used .*anon_inode/],
  ["Node's pipes and events", ':', 20, /3 cannot be used .*anon_inode/],
  ['more than there are', 'exec 3</dev/null 4</dev/null', 999_999, /3 cannot be used .*\/dev\/null/],
  ['more than any process has', 'exec 3</dev/null', 1_000_000, /3 cannot be used .*\/dev\/null/],
  ['a file', 'exec 3</etc/passwd', 1, /3 cannot be used .*\/etc\/passwd/],
  ['a folder', 'exec 3</', 1, /3 cannot be used/],
  ['the end of a pipe', `exec 3<<EOF\nx\nEOF\n:`, 1, /3 cannot be used .*(pipe:|deleted)/],
];
for (const [what, script, promise, message] of FOREIGN) {
  withShell(
    `N10i LISTEN_FDS that promises ${what} is ERR_PREFORK_INHERITED_LISTENER, and the master ends in order`,
    async () => {
      const master = start(script, promise);
      const { ok, error } = await master.event('settled');
      expect({ ok, code: error.code }).toEqual({ ok: false, code: 'ERR_PREFORK_INHERITED_LISTENER' });
      expect(error.message).toMatch(message);
      // Not SIGABRT: the promised descriptor is Node's own, and still open.
      expect(await master.gone()).toEqual({ code: 1, signal: null });
    },
  );
}

withShell('N10i a FIFO of the service manager is left open with a warning, and the fleet serves', async () => {
  const master = start(`mkfifo ${fifo}; exec 3<>${fifo}`, 1);
  await master.event('onMasterReady');
  expect(master.stderr).toContain(`is the FIFO ${fifo}: no listener has that name or address, it is left open`);
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
});

for (const [what, variables] of [
  ['another pid', 'LISTEN_PID=1 LISTEN_FDS=1'],
  ['no number', 'LISTEN_PID=$$ LISTEN_FDS=-1'],
] as const) {
  withShell(`N10i variables with ${what} promise nothing, and touch nothing`, async () => {
    const wrapper = ['/bin/sh', '-c', `export ${variables}; exec "$@"`, 'sh'];
    const master = startFleet({ options: { workers: 1 } }, { wrapper });
    await master.event('onMasterReady');
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  });
}
