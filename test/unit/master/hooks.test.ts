import { executionAsyncResource } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { deferred } from '../../../lib/common/deferred.js';
import { HookQueue, HookRunner } from '../../../lib/master/hooks.js';

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

const log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

function runner(onMasterReady: () => unknown): { run(): Promise<boolean>; refuseInside(): Promise<void> } {
  const system = { after: () => ({ cancel() {} }) };
  const hooks = new HookRunner({
    hooks: { onMasterReady },
    system,
    log,
    failed(error: unknown) {
      throw error;
    },
  } as unknown as ConstructorParameters<typeof HookRunner>[0]);
  return { run: () => hooks.run('onMasterReady', []), refuseInside: () => hooks.refuseInside('reload()') };
}

const IN_HOOK = { code: 'ERR_PREFORK_IN_HOOK' };

test('a hook that waits for a hook of another fleet may wait for operations of neither', async () => {
  const refused: unknown[] = [];
  const outer = runner(() => inner.run());
  const inner = runner(async () => {
    for (const fleet of [outer, inner]) await fleet.refuseInside().catch((error) => refused.push(error));
  });
  expect(await outer.run()).toBe(true);
  expect(refused).toMatchObject([IN_HOOK, IN_HOOK]);
});

test('a fleet may be operated from the hook of another one', async () => {
  const other = runner(() => {});
  await other.run();
  const one = runner(() => other.refuseInside());
  expect(await one.run()).toBe(true);
});

test('the fleets of a process leave no storage of asynchronous contexts each, which would slow down all its promises', async () => {
  const storages: number[] = [];
  // Node 20 keeps what a storage has in the resource; since Node 24 there is nothing to count.
  const count = () => storages.push(Object.getOwnPropertySymbols(executionAsyncResource()).length);
  for (let fleets = 0; fleets < 5; fleets++) await runner(count).run();
  expect(new Set(storages).size).toBe(1);
});
