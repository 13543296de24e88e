/** The control channel's ends on real sockets, with a kernel that has no memory for a message, and a descriptor that is none of a stream. */

import { closeSync, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { overSocket } from '../../../lib/protocol/ends-posix.js';
import { native } from '../../helpers/addon.js';

const kernel = vi.hoisted(() => ({ refuses: [] as string[] }));

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  const writeSync = (...args: Parameters<typeof real.writeSync>) => {
    const code = kernel.refuses.shift();
    if (code !== undefined) throw Object.assign(new Error(`write ${code}`), { code });
    return real.writeSync(...args);
  };
  return { ...real, writeSync };
});

test.each(['ENOBUFS', 'ENOMEM', 'EAGAIN'])(
  'a line that the kernel has no memory for (%s) arrives all the same, before those that follow it',
  async (code) => {
    const [ours, theirs] = native.socketPair();
    const ends = overSocket(ours);
    const other = new Socket({ fd: theirs, readable: true, writable: true });
    onTestFinished(() => {
      ends.destroy();
      other.destroy();
    });
    const arrived: Buffer[] = [];
    const second = new Promise<void>((resolve) =>
      other.on('data', (data: Buffer) => {
        arrived.push(data);
        if (Buffer.concat(arrived).includes('second\n')) resolve();
      }),
    );
    kernel.refuses = [code];
    expect(ends.write(Buffer.from('first\n'))).toBe(true);
    expect(ends.write(Buffer.from('second\n'))).toBe(true);
    await second;
    expect(Buffer.concat(arrived).toString()).toBe('first\nsecond\n');
  },
);

test('a line for an end that is gone (EPIPE) is refused, and what it has said before can still be read', () => {
  const [ours, theirs] = native.socketPair();
  const ends = overSocket(ours);
  onTestFinished(() => ends.destroy());
  closeSync(theirs);
  expect(ends.write(Buffer.from('too late\n'))).toBe(false);
  expect(ends.input.destroyed).toBe(false);
});

test('a descriptor that cannot become a stream is closed: nothing else would close it', () => {
  const folder = openSync('/', 'r');
  expect(() => overSocket(folder)).toThrow(/fd type/);
  expect(() => fstatSync(folder)).toThrow('EBADF');
});
