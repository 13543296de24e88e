/** Native code keeps pointers into memory of JavaScript, which can give the memory of an ArrayBuffer away: transfer it, or make it smaller. */

import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import { WORDS } from '../../../lib/protocol/scoreboard.js';
import { testOnLinux as test } from '../../helpers/skip.js';
import { errorOf, fixture, native } from '../native-helpers.js';

type View = Uint32Array | Float64Array;

/** Each view, of as many numbers as is asked for, has memory that can go. */
const PASSING: Record<string, (type: new (buffer: ArrayBuffer, at: number, length: number) => View) => View> = {
  'an ArrayBuffer': (View) => new View(new ArrayBuffer(256), 0, lengthOf(View)),
  'a resizable ArrayBuffer': (View) => {
    const Resizable = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => ArrayBuffer;
    return new View(new Resizable(256, { maxByteLength: 4_096 }), 0, lengthOf(View));
  },
  'a detached ArrayBuffer': (View) => {
    const buffer = new ArrayBuffer(256);
    const view = new View(buffer, 0, lengthOf(View));
    structuredClone(buffer, { transfer: [buffer] });
    return view;
  },
};

function lengthOf(type: unknown): number {
  return type === Uint32Array ? 2 : WORDS;
}

for (const [what, make] of Object.entries(PASSING)) {
  test(`native code keeps no pointer into ${what}: its memory could go`, () => {
    const counts = make(Uint32Array) as Uint32Array;
    expect(errorOf(() => native.acceptLines({ counts }, () => {}))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('"counts"'),
    });
    expect(errorOf(() => native.timeTurns(make(Float64Array) as Float64Array))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('"line"'),
    });
  });
}

test('a line of a scoreboard that JavaScript has transferred, and dropped, is written to all the same: native code keeps its memory', () => {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', fixture('native/gives-memory-away.mjs')],
    { encoding: 'utf8' },
  );
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  const [before, after] = JSON.parse(stdout) as [number, number];
  expect(before).toBeGreaterThan(0);
  expect(after).toBeGreaterThan(before);
});

test('native code keeps a pointer into a SharedArrayBuffer, which nobody can transfer', () => {
  const buffer = new SharedArrayBuffer(8);
  expect(native.acceptLines({ counts: new Uint32Array(buffer) }, () => {})).toBeDefined();
  expect(() => structuredClone(buffer, { transfer: [buffer as unknown as ArrayBuffer] })).toThrow();
});
