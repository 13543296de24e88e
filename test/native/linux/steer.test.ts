import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect } from 'vitest';
import type { TcpListenRequest } from '../../../lib/addon/native.cjs';
import { eventually } from '../../helpers/eventually.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { errorOf, failsCleanly, native, tcp } from '../native-helpers.js';

const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) native.closeFd(fd);
});

/** What a master makes: a guard, and `size` sockets that join it. */
class Group {
  readonly fds: readonly number[];
  readonly size: number;
  readonly #port: number;
  readonly #address: string;

  constructor(size: number, address: Partial<TcpListenRequest> = {}) {
    const guard = native.guard(tcp(address));
    this.#port = guard.port as number;
    this.#address = guard.address;
    this.size = size;
    const request = tcp({ ...address, port: this.#port, reusePort: true, backlog: 4_096 });
    this.fds = Array.from({ length: size }, () => native.listen(request).fd);
    open.push(guard.fd, ...this.fds);
  }

  steer(live: readonly number[], size = this.size): void {
    native.steer({ fd: this.fds[0] as number, live, size });
  }

  /** Makes `count` connections one after the other, and counts them by socket. No process accepts, so each is in a queue. */
  async spread(count: number): Promise<number[]> {
    const before = this.#depths();
    for (let i = 0; i < count; i++) {
      const client = connect(this.#port, this.#address);
      await once(client, 'connect');
      client.destroy();
    }
    const counts = (): number[] => this.#depths().map((depth, i) => depth - (before[i] as number));
    return eventually(() => {
      const found = counts();
      return found.reduce((a, b) => a + b) === count && found;
    });
  }

  #depths(): number[] {
    return this.fds.map((fd) => native.queueDepth(fd).depth);
  }
}

function expectOnly(counts: readonly number[], live: readonly number[]): void {
  for (const [index, count] of counts.entries()) {
    if (live.includes(index)) expect(count, `member ${index} of ${live}`).toBeGreaterThan(0);
    else expect(count, `member ${index}, live ${live}`).toBe(0);
  }
}

test('features.sharding says that this kernel steers', () => {
  expect(native.features.sharding).toBe(true);
});

test('the sockets of one guard are one group, and a number is the position in the order of listening', async () => {
  const group = new Group(5);
  for (let index = 0; index < group.size; index++) {
    group.steer([index]);
    expectOnly(await group.spread(10), [index]);
  }
});

test('400 connections steered to two of four sockets go there evenly and nowhere else', async () => {
  const group = new Group(4);
  group.steer([1, 3]);
  const counts = await group.spread(400);
  expectOnly(counts, [1, 3]);
  // Six times the standard deviation of a fair coin.
  expect(Math.abs((counts[1] as number) - 200)).toBeLessThan(60);
});

test('400 connections go evenly to all when all are live, and when none is', async () => {
  const group = new Group(4);
  for (const live of [[], [3, 1, 0, 2]]) {
    group.steer(live);
    for (const count of await group.spread(400)) expect(Math.abs(count - 100)).toBeLessThan(52);
  }
});

test('a steering is replaced at once, through any socket of the group, and queued connections stay where they are', async () => {
  const group = new Group(4);
  for (const live of [[0], [2, 3], [1], [], [0, 3]]) {
    native.steer({ fd: group.fds[3] as number, live, size: 4 });
    expectOnly(await group.spread(80), live.length > 0 ? live : [0, 1, 2, 3]);
  }
});

test('IPv6 listeners are steered, too', async () => {
  const group = new Group(3, { family: 'IPv6', address: '::1' });
  group.steer([2, 2, 1]);
  expectOnly(await group.spread(60), [1, 2]);
});

test('every subset of a group is hit exactly, at random and in long programs', async () => {
  const group = new Group(12);
  // Numbers without a library and the same in every run: a full cycle of 12 bits.
  let bits = 1;
  for (let round = 0; round < 40; round++) {
    bits = (bits * 1_229 + 1) % 4_096;
    const live = Array.from({ length: 12 }, (_, i) => i).filter((i) => (bits >> i) & 1);
    group.steer(live);
    // So many that leaving one out by chance happens once in a hundred million.
    if (live.length > 0) expectOnly(await group.spread(20 * live.length), live);
  }
  const large = new Group(120);
  const odd = large.fds.map((_, i) => i).filter((i) => i % 2 === 1);
  large.steer(odd);
  expectOnly(await large.spread(1_500), odd);
});

test('any choice out of 2,000 fits, and a number beyond the group leaves it to the hash of the kernel', async () => {
  const group = new Group(2);
  const every = (step: number, size: number): number[] => Array.from({ length: size / step }, (_, i) => i * step);
  for (const step of [1, 2, 3, 1_000]) group.steer(every(step, 2_000), 2_000);
  group.steer(
    every(2, 2_000).map((i) => i + 1),
    2_000,
  );
  group.steer([1_999], 2_000);
  const counts = await group.spread(50);
  expect(counts[0]).toBeGreaterThan(0);
  expect(counts[1]).toBeGreaterThan(0);
});

test('a socket that cannot be steered is a system error that says why, and changes nothing', () => {
  const syscall = 'setsockopt(SO_ATTACH_REUSEPORT_CBPF)';
  const alone = native.listen(tcp());
  const guard = native.guard(tcp());
  open.push(alone.fd, guard.fd);
  const steer = (fd: number) => () => native.steer({ fd, live: [0], size: 1 });
  expect(failsCleanly(steer(alone.fd))).toMatchObject({
    code: 'EINVAL',
    syscall,
    message: `${syscall} EINVAL: invalid argument (the socket is not in a SO_REUSEPORT group)`,
  });
  expect(failsCleanly(steer(guard.fd))).toMatchObject({
    code: 'EINVAL',
    syscall,
    message: expect.stringContaining('does not listen'),
  });
  expect(failsCleanly(steer(2 ** 30))).toMatchObject({ code: 'EBADF' });
});

test('numbers outside the group and groups that are too large are refused', () => {
  const { fd } = native.guard(tcp());
  open.push(fd);
  expect(errorOf(() => native.steer({ fd, live: [4], size: 4 })).message).toMatch(/"live\[0\]".*from 0 to 3/);
  expect(errorOf(() => native.steer({ fd, live: [-1], size: 4 }))).toBeInstanceOf(TypeError);
  expect(errorOf(() => native.steer({ fd, live: [], size: 0 }))).toBeInstanceOf(TypeError);
  expect(errorOf(() => native.steer({ fd, live: [], size: 4_093 })).message).toMatch(/from 1 to 4092/);
});
