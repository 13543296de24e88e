import { addAbortSignal, PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { callLateListeners } from '../../../lib/worker/late-abort.js';

function aborted(reason?: unknown): AbortSignal {
  const controller = new AbortController();
  callLateListeners(controller.signal);
  controller.abort(reason);
  return controller.signal;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a listener that is there when the signal aborts is called once, at once', async () => {
  const controller = new AbortController();
  const signal = callLateListeners(controller.signal);
  const calls: unknown[] = [];
  signal.addEventListener('abort', (event) => calls.push(event.target));
  controller.abort();
  expect(calls).toEqual([signal]);
  await turn();
  expect(calls).toHaveLength(1);
});

test('a listener that comes after the abort is called soon, once, and not before addEventListener has returned', async () => {
  const signal = aborted('reason');
  const calls: string[] = [];
  signal.addEventListener('abort', ({ target }) => calls.push(String((target as AbortSignal).reason)));
  signal.addEventListener('abort', { handleEvent: () => calls.push('object') }, { once: true });
  expect(calls).toEqual([]);
  await turn();
  expect(calls).toEqual(['reason', 'object']);
  signal.addEventListener('abort', () => calls.push('later'));
  await turn();
  expect(calls).toEqual(['reason', 'object', 'later']);
});

test('a late listener that is removed before it was called is not called', async () => {
  const signal = aborted();
  const never = (): void => expect.fail('called');
  signal.addEventListener('abort', never);
  signal.removeEventListener('abort', never);
  await turn();
});

test('an aborted signal behaves as before for Node and libraries', async () => {
  const signal = aborted();
  expect(signal).toBeInstanceOf(AbortSignal);
  expect(AbortSignal.any([signal]).aborted).toBe(true);
  await expect(delay(10_000, undefined, { signal })).rejects.toThrow('aborted');
  const stream = addAbortSignal(signal, new PassThrough());
  stream.on('error', () => {});
  expect(stream.destroyed).toBe(true);
});
