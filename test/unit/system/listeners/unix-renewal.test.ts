import { expect, test } from 'vitest';
import { AcceptLine } from '../../../../lib/master/monitors/accept-line.js';
import { UnixRenewal } from '../../../../lib/system/listeners/unix-renewal.js';
import type { UnixSocket } from '../../../../lib/system/listeners/unix-socket.js';
import { FakeSystem } from '../../../helpers/fake-system.js';

const OLD = 10;
const NEW = 11;

/** A path whose file was removed. */
function removed(events: string[]): UnixSocket {
  return {
    fd: OLD,
    boundAs: '/s',
    missing: () => 'was removed',
    relock: () => true,
    another: () => ({ fd: NEW, boundAs: '/s.1' }),
    publish: ({ fd }) => void events.push(`publish ${fd}`),
    discard: ({ fd }) => void events.push(`discard ${fd}`),
    close: () => void events.push('close'),
  } as UnixSocket;
}

function renewal() {
  const events: string[] = [];
  const lines: string[] = [];
  const logger = { info: () => {}, warn: (line: string) => void lines.push(line), error: () => {} };
  const described = {
    address: { name: '0', family: 'unix', address: '/s' },
    wire: { name: '0', family: 'unix', address: '/s', boundAs: '/s' },
  } as ConstructorParameters<typeof UnixRenewal>[1];
  return { events, lines, renewal: new UnixRenewal(removed(events), described, logger) };
}

test('N11e a new socket that cannot be watched is a warning: it serves, and the old one is closed', () => {
  const { renewal: one, events, lines } = renewal();
  one.watchBy({
    add: (fd) => {
      if (fd === NEW) throw new Error('epoll_ctl ENOSPC');
    },
    remove: (fd) => void events.push(`unwatch ${fd}`),
  });
  const lease = one.lease(1);
  expect(lease.listener.fd).toBe(NEW);
  lease.serves();
  expect(one.fd).toBe(NEW);
  expect(events).toEqual(['publish 11', 'unwatch 10', 'discard 10']);
  expect(lines.filter((line) => line.includes('epoll_ctl ENOSPC'))).toHaveLength(1);
});

test('N11e a worker that serves from a new socket while the fleet stops finds the watch closed, and ends no master', () => {
  const { renewal: one, events, lines } = renewal();
  const system = new FakeSystem({ exclusiveAccept: true });
  const watched: string[] = [];
  let open = true;
  const asked = (what: string): void => {
    if (!open) throw new Error(`${what} EBADF`);
    watched.push(what);
  };
  system.queues.watch = () => ({
    add: (fd) => asked(`add ${fd}`),
    remove: (fd) => asked(`remove ${fd}`),
    rearm: () => {},
    close: () => {
      open = false;
    },
  });
  const line = new AcceptLine({ system, queues: system.queues, board: system.openBoard(), listeners: [], workers: [] });
  one.watchBy(line);
  const lease = one.lease(1);
  line.close();
  lease.serves();
  lease.release();
  one.close();
  expect(watched).toEqual(['add 10']);
  expect(events).toEqual(['publish 11', 'discard 10', 'close']);
  expect(lines.filter((line) => line.includes('EBADF'))).toEqual([]);
});

test('a socket that is closed while the fleet goes on is watched no more before that', () => {
  const { renewal: one, events } = renewal();
  one.watchBy({ add: (fd) => void events.push(`watch ${fd}`), remove: (fd) => void events.push(`unwatch ${fd}`) });
  one.close();
  expect(events).toEqual(['watch 10', 'unwatch 10', 'close']);
});
