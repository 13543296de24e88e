import { PassThrough, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { passOn } from '../../lib/pass-on.js';
import { settle } from '../helpers/fake-host.js';

test('output waits for a slow reader, and all of it arrives', async () => {
  const taken: string[] = [];
  let release: (() => void) | undefined;
  const sink = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, done) {
      taken.push(chunk.toString());
      release = done;
    },
  });
  const source = new PassThrough();
  passOn(source, sink);
  source.write('a');
  await settle();
  source.write('b');
  await settle();
  expect(source.isPaused()).toBe(true);
  release?.();
  await settle();
  expect(taken).toEqual(['a', 'b']);
});

test('a reader that is gone stops neither the worker nor the master', async () => {
  const sink = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    },
  });
  const source = new PassThrough();
  passOn(source, sink);
  for (let i = 0; i < 10; i++) {
    source.write('x'.repeat(100_000));
    await settle();
  }
  expect(source.readableLength).toBe(0);
  expect(source.isPaused()).toBe(false);
});
