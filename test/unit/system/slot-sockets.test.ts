import { expect, test } from 'vitest';
import { SlotSockets } from '../../../lib/system/slot-sockets.js';

/** Sockets without a kernel: that of slot n has the descriptor 10 + n. */
function fixture(adopted: readonly number[] = []) {
  const calls: string[] = [];
  const logged: string[] = [];
  const refused = new Set<string>();
  const call = (text: string): void => {
    calls.push(text);
    if (refused.has(text)) throw Object.assign(new Error('setsockopt EPERM'), { code: 'EPERM' });
  };
  const native = {
    steer: ({ live, size }: { live: readonly number[]; size: number }) => call(`steer ${live.join()} of ${size}`),
    deafenListener: (fd: number, deaf: boolean) => call(`${deaf ? 'deaf' : 'hears'} ${fd}`),
    closeFd() {},
  };
  const log = { info() {}, debug() {}, warn() {}, error: (line: string) => void logged.push(line) };
  let fd = 10 + adopted.length;
  const shards = new SlotSockets(native, log, () => fd++, adopted);
  const did = () => calls.splice(0);
  return { shards, did, logged, refused };
}

test('the first sockets hear clients from the beginning: they wait there for the first worker', () => {
  const { shards, did } = fixture();
  shards.grow(2);
  expect(did()).toEqual([]);
  shards.steer([1]);
  expect(did()).toEqual(['steer 1 of 2']);
});

test('the socket of a slot that comes later is deaf until its first worker serves, and hears before clients are led to it', () => {
  const { shards, did } = fixture();
  shards.grow(1);
  shards.steer([0]);
  did();
  shards.grow(2);
  shards.steer([0]);
  expect(did()).toEqual(['deaf 11', 'steer 0 of 2']);
  shards.steer([0, 1]);
  expect(did()).toEqual(['hears 11', 'steer 0,1 of 2']);
  // Its queue may hold clients from now on.
  shards.steer([0]);
  shards.steer([0, 1]);
  expect(did()).toEqual(['steer 0 of 2', 'steer 0,1 of 2']);
});

test('while no slot has a worker clients are led to those that ever had one', () => {
  const { shards, did } = fixture();
  shards.grow(2);
  shards.steer([0, 1]);
  shards.grow(3);
  did();
  shards.steer([]);
  expect(did()).toEqual(['steer 0,1 of 3']);
});

test('a socket that stays deaf gets no clients, is tried again, and one line says why', () => {
  const { shards, did, logged, refused } = fixture();
  shards.grow(1);
  shards.steer([0]);
  shards.grow(2);
  did();
  refused.add('hears 11');
  shards.steer([0, 1]);
  expect(did()).toEqual(['hears 11', 'steer 0 of 2']);
  shards.steer([1]);
  expect(did()).toEqual(['hears 11']);
  refused.clear();
  shards.steer([1]);
  expect(did()).toEqual(['hears 11', 'steer 1 of 2']);
  expect(logged).toEqual(Array(2).fill('connections cannot be let to the socket of slot 1: Error: setsockopt EPERM'));
});

test('a socket that cannot be made deaf is used as it is, and one line says why', () => {
  const { shards, did, logged, refused } = fixture();
  refused.add('deaf 11');
  shards.grow(1);
  shards.steer([0]);
  shards.grow(2);
  did();
  shards.steer([0, 1]);
  expect(did()).toEqual(['steer 0,1 of 2']);
  expect(logged).toEqual(['connections cannot be kept from the socket of slot 1: Error: setsockopt EPERM']);
});

test('what an earlier master has opened hears: it may have died before a worker served there', () => {
  const { shards, did } = fixture([10, 11]);
  shards.grow(3);
  expect(did()).toEqual(['hears 10', 'hears 11']);
});
