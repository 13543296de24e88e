/** Files of the master on a file system that has no room for another one. */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { commandWorks, httpGet, startFleet, testWhen } from '../../helpers/index.js';

/** In a mount namespace of its own, with a file system that has room for one folder and `files` files. */
function onSmallDisk(files: number): readonly [string, ...string[]] {
  const script = 'mount -t tmpfs -o "nr_inodes=$0" tmpfs /mnt && exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', script, String(files + 1)];
}

const limited = testWhen(commandWorks(...onSmallDisk(1), 'true'), 'needs unshare --mount', 'posixProcesses');

for (const { what, room, options } of [
  { what: 'a pid file', room: 0, options: { pidFile: '/mnt/pid' } },
  { what: 'the lock of a unix socket', room: 0, options: { listen: 'unix:/mnt/s' } },
  { what: 'a unix socket', room: 1, options: { listen: 'unix:/mnt/s' } },
  { what: 'the admin door', room: 1, options: { admin: '/mnt/door' } },
]) {
  limited(
    `a full disk (ENOSPC) for ${what} ends the start with an error that names the path and the way out`,
    async () => {
      const master = startFleet({ options }, { wrapper: onSmallDisk(room) });
      expect(await master.gone()).toEqual({ code: 1, signal: null });
      const { error } = await master.event('settled');
      const path = Object.values(options)[0]?.replace('unix:', '');
      expect(error).toMatchObject({ code: 'ENOSPC', path });
      expect(error.message).toContain('make room there');
      if (!('listen' in options)) expect(error.message).toContain(`option '${Object.keys(options)[0]}'`);
      expect(master.events('onChildSpawn')).toEqual([]);
    },
  );
}

limited(
  'a disk that is full once the fleet runs (ENOSPC) costs a reload nothing but its new socket, and the log names it',
  async () => {
    const options = { listen: ['127.0.0.1:0', 'unix:/mnt/s'], pidFile: '/mnt/pid', readyFor: 50 };
    const master = startFleet({ options }, { wrapper: onSmallDisk(8) });
    const { addresses } = await master.event('onMasterReady');
    // As the master sees it.
    const disk = `/proc/${master.pid}/root/mnt`;
    rmSync(join(disk, 's'));
    expect(() => {
      for (let i = 0; i < 10; i++) writeFileSync(join(disk, String(i)), '');
    }).toThrow('ENOSPC');
    expect(await master.call('reload')).toMatchObject({ ok: true });
    await master.logged(/bind ENOSPC: .* \/mnt\/s \(.*make room there/);
    expect((await httpGet({ port: addresses[0].port })).status).toBe(200);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);
