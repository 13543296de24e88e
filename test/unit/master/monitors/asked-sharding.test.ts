import { expect, test } from 'vitest';
import { AskedSharding } from '../../../../lib/master/monitors/asked-sharding.js';
import type { WorkerHandle } from '../../../../lib/master/workers/worker-handle.js';
import { SLOTS } from '../../../../lib/protocol/protocol.cjs';
import type { OpenListener } from '../../../../lib/system/open-listener.js';
import { SlotSockets } from '../../../../lib/system/slot-sockets.js';
import type { QueueReport } from '../../../../lib/system/system.js';

const LOG = { info() {}, warn() {}, error() {}, debug() {} };

/** Slots, addresses and workers without a process. Sockets of the address n have descriptors from 100 × n up. */
function fixture(slots = 3) {
  const watched = new Set<number>();
  let wait: (reports: readonly QueueReport[]) => void = () => {};
  let watches = 0;
  const sharding = new AskedSharding({
    system: { now: () => 0, after: () => ({ cancel() {} }) },
    queues: {
      depth: () => ({ depth: 1, limit: 1 }),
      watch: (onWaiting) => {
        watches++;
        wait = onWaiting;
        return {
          add: (fd) => void watched.add(fd),
          remove: (fd) => void watched.delete(fd),
          rearm() {},
          close() {},
        };
      },
    },
    log: LOG,
    listeners: [],
  });
  sharding.grow(slots);
  const address = (index: number, most = 100) => {
    const steered: string[] = [];
    let fd = 100 * index;
    const bind = (): number => {
      if (fd - 100 * index >= most) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
      return fd++;
    };
    const steer = ({ live }: { readonly live: readonly number[] }) => void steered.push(live.join());
    const shards = new SlotSockets({ steer, deafenListener() {}, closeFd() {} }, LOG, bind);
    shards.grow(1);
    const listener = { shards } as unknown as OpenListener;
    return { listener, steered, open: () => sharding.hears.prepare(listener, index), shards };
  };
  const worker = (slot: number, state = 'ready') => {
    const adopted = new Set<number>();
    const handle = {
      place: { slot, generation: 0 },
      state,
      adopt: (of: number) => adopted.add(of) !== undefined,
      release: (of: number) => void adopted.delete(of),
      ping: () => true,
      look() {},
    };
    const self = handle as unknown as WorkerHandle;
    return {
      self,
      adopted,
      uses: ({ listener }: { readonly listener: OpenListener }) => sharding.hears.used(self, listener),
      closes: ({ listener }: { readonly listener: OpenListener }) => sharding.hears.unused(self, listener),
      become: (next: string) => {
        handle.state = next;
        sharding.changed(self);
      },
    };
  };
  return {
    sharding,
    address,
    worker,
    watched,
    watches: () => watches,
    waits: (...fds: number[]) => wait(fds.map((fd) => ({ fd }))),
  };
}

test('an address is steered to the slots whose workers are ready and listen there, and to no other', () => {
  const { address, worker } = fixture();
  const [one, two] = [address(1), address(2)];
  one.open();
  two.open();
  const workers = [worker(0), worker(1), worker(2, 'starting')] as const;
  for (const each of workers) each.uses(one);
  workers[1].uses(two);
  expect(one.steered.at(-1)).toBe('0,1');
  expect(two.steered.at(-1)).toBe('1');
  workers[2].become('ready');
  expect(one.steered.at(-1)).toBe('0,1,2');
  expect(two.steered.at(-1)).toBe('1');
});

test('what is queued at a slot whose worker does not listen there the workers accept that do, by a number of that address alone', () => {
  const { address, worker, waits } = fixture();
  const [one, two] = [address(1), address(2)];
  one.open();
  two.open();
  const workers = [worker(0), worker(1), worker(2)] as const;
  for (const each of workers) each.uses(one);
  workers[1].uses(two);
  // Before it was steered.
  waits(200, 202);
  expect([...workers[1].adopted].sort()).toEqual([3 * SLOTS, 3 * SLOTS + 2]);
  expect(workers[0].adopted.size + workers[2].adopted.size).toBe(0);
  workers[0].uses(two);
  expect([...workers[1].adopted]).toEqual([3 * SLOTS + 2]);
});

test('a worker that closes its server leaves the queue of its slot to the others, and the other addresses as they are', () => {
  const { address, worker } = fixture(2);
  const [one, two] = [address(1), address(2)];
  one.open();
  two.open();
  const [a, b] = [worker(0), worker(1)];
  for (const each of [a, b]) for (const place of [one, two]) each.uses(place);
  a.closes(two);
  expect(one.steered.at(-1)).toBe('0,1');
  expect(two.steered.at(-1)).toBe('1');
  expect([...b.adopted]).toEqual([3 * SLOTS]);
  a.uses(two);
  expect(two.steered.at(-1)).toBe('0,1');
  expect([...b.adopted]).toEqual([]);
});

test('a worker that ends, and one that has no place, are taken off every address', () => {
  const { sharding, address, worker } = fixture(2);
  const one = address(1);
  one.open();
  const [a, b] = [worker(0), worker(1)];
  a.uses(one);
  sharding.accepting(b.self, false);
  b.uses(one);
  expect(one.steered.at(-1)).toBe('0');
  sharding.accepting(b.self, true);
  expect(one.steered.at(-1)).toBe('0,1');
  a.become('exited');
  expect(one.steered.at(-1)).toBe('1');
  expect([...b.adopted]).toEqual([2 * SLOTS]);
});

test('slots that are added get a socket for every address, and an address that is opened gets one for every slot', () => {
  const { sharding, address } = fixture(2);
  const [one, two] = [address(1), address(2)];
  one.open();
  sharding.grow(4);
  two.open();
  expect([one.shards.fds.length, two.shards.fds.length]).toEqual([4, 4]);
});

test('one watch is for all, and an address that is closed, or could not be opened, is not watched', () => {
  const { sharding, address, watched, watches } = fixture(2);
  const [one, two] = [address(1), address(2, 1)];
  one.open();
  expect(() => two.open()).toThrow('EMFILE');
  expect([...watched]).toEqual([100, 101]);
  expect(watches()).toBe(1);
  sharding.closing(one.listener);
  expect([...watched]).toEqual([]);
});
