import { expect, test } from 'vitest';
import type { Log } from '../../../lib/common/log.js';
import { Doors } from '../../../lib/master/doors.js';
import type { OpenListener } from '../../../lib/system/open-listener.js';
import type { System } from '../../../lib/system/system.js';

const refused = (code: string) => Object.assign(new Error(`setsockopt ${code}`), { code });

/** One listener of two slots, fds 7 and 8, and what happens to it. */
function doorsOf({ seal, divert }: { seal(fd: number): void; divert?(fds: readonly number[]): void }) {
  const did: string[] = [];
  const listener = {
    address: { name: 'web' },
    fd: null,
    shards: { fds: [7, 8] },
    close: () => did.push('closed'),
  } as unknown as OpenListener;
  const system: Pick<System, 'seal' | 'divert'> = {
    seal,
    ...(divert && {
      divert: (fds: readonly number[]) => {
        divert(fds);
        did.push(`diverted ${fds}`);
        return () => did.push('diversion ended');
      },
    }),
  };
  const log = { warn: (line: string) => did.push(line) } as unknown as Log;
  return { doors: new Doors(system, log), listeners: [listener], did };
}

test('sockets that the master may not seal are sealed by a diversion of all of them, which ends when they are closed', () => {
  const { doors, listeners, did } = doorsOf({
    seal: () => {
      throw refused('EPERM');
    },
    divert: () => {},
  });
  expect(doors.seal(listeners)).toBe(true);
  expect(did).toEqual(['diverted 7,8']);
  doors.close(listeners);
  doors.over(listeners);
  expect(did).toEqual(['diverted 7,8', 'closed', 'diversion ended', 'closed']);
});

test.each([
  { what: 'a seal that fails otherwise', seal: 'ENOMEM', divert: undefined, says: 'setsockopt ENOMEM' },
  { what: 'a diversion that fails', seal: 'EPERM', divert: 'EADDRINUSE', says: 'setsockopt EADDRINUSE' },
])('$what leaves the listener open to newcomers, and one line says why', ({ seal, divert, says }) => {
  const { doors, listeners, did } = doorsOf({
    seal: () => {
      throw refused(seal);
    },
    divert: () => {
      if (divert !== undefined) throw refused(divert);
    },
  });
  expect(doors.seal(listeners)).toBe(false);
  expect(did).toEqual([expect.stringMatching(/^listener 'web': .*may be reset/)]);
  expect(did[0]).toContain(says);
});
