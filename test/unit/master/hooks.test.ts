import { expect, test } from 'vitest';
import { deferred } from '../../../lib/common/deferred.js';
import { HookQueue } from '../../../lib/master/hooks.js';

test('hooks run one at a time, in the order in which they were queued', async () => {
  const queue = new HookQueue();
  const order: string[] = [];
  const gate = deferred();
  const first = queue.run('first', async () => {
    order.push('first begins');
    await gate.promise;
    order.push('first ends');
  });
  const second = queue.run('second', () => order.push('second'));
  gate.resolve();
  expect(await Promise.all([first, second])).toEqual(['done', 'done']);
  expect(order).toEqual(['first begins', 'first ends', 'second']);
});

test('a hook that fails rejects its own caller only, with the cause and its name', async () => {
  const queue = new HookQueue();
  const cause = new Error('no');
  const failing = queue.run('onChildSpawn', () => {
    throw cause;
  });
  const next = queue.run('onChildSpawn', () => {});
  await expect(failing).rejects.toMatchObject({
    code: 'ERR_PREFORK_HOOK',
    cause,
    message: expect.stringContaining('onChildSpawn'),
  });
  expect(await next).toBe('done');
});

test('closing releases the caller that waits for a hook that never settles, and lets no other hook begin', async () => {
  const queue = new HookQueue();
  const hanging = queue.run('hanging', () => new Promise(() => {}));
  let ran = false;
  const queued = queue.run('queued', () => {
    ran = true;
  });
  queue.close();
  expect(await Promise.all([hanging, queued, queue.run('late', () => {})])).toEqual(['skipped', 'skipped', 'skipped']);
  expect(ran).toBe(false);
});
