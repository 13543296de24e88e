import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { linux } from '../../../lib/addon/narrow.cjs';
import type { Fd, LinuxAddon } from '../../../lib/addon/native.cjs';
import type { Preloaded, WorkerIdentity } from '../../../lib/boot/identity.cjs';
import { deferred } from '../../../lib/common/deferred.js';
import type { ChannelEvents } from '../../../lib/protocol/channel.js';
import type { MasterMessage, WireListener } from '../../../lib/protocol/protocol.cjs';
import type { Service } from '../../../lib/worker/service.js';
import { posixSystem } from '../../../lib/worker/system/posix.js';
import { Worker } from '../../../lib/worker/worker.js';
import { native } from '../../helpers/addon.js';
import { bounded } from '../../helpers/index.js';
import { testOnLinux as test } from '../../helpers/skip.js';

const BACKLOG = 16;

function listen() {
  const { fd, port } = native.listen({
    family: 'IPv4',
    address: '127.0.0.1',
    port: 0,
    backlog: BACKLOG,
    ipv6Only: false,
    reusePort: false,
  });
  return { fd, port: port as number };
}

/** What a worker has prepared for the end of its process, which goes on here. */
function forgetExits(): void {
  const [exit, beforeExit] = [process.listeners('exit'), process.listeners('beforeExit')];
  onTestFinished(() => {
    for (const one of process.listeners('exit')) if (!exit.includes(one)) process.off('exit', one);
    for (const one of process.listeners('beforeExit')) if (!beforeExit.includes(one)) process.off('beforeExit', one);
  });
}

test('an order to adopt that a worker reads when its master is dead seals the socket that came with it', async () => {
  forgetExits();
  const own = listen();
  const other = listen();
  const [ofMaster, adoptionFd] = native.fdChannel();
  onTestFinished(() => {
    for (const fd of [other.fd, ofMaster, adoptionFd]) native.closeFd(fd);
  });
  const sealed: (number | undefined)[] = [];
  const kernel = linux(native);
  const sealListener = (fd: Fd): void => {
    sealed.push(native.inspectListener(fd).port);
    kernel.sealListener(fd);
  };
  const system = posixSystem({ ...kernel, sealListener } as LinuxAddon);
  const preloaded: Preloaded = {
    watch: { configure() {}, exitAfter() {}, close() {} },
    onMasterDeath() {},
    reportVia() {},
    say: () => true,
    booted() {},
  };
  const identity = { fleet: '0', slot: 0, generation: 0, adoptionFd, preloaded } as WorkerIdentity;
  const ready = deferred();
  let hear: ChannelEvents<MasterMessage>['message'] = () => {};
  const channel = {
    send({ type }: { readonly type: string }) {
      if (type === 'became-ready') ready.resolve();
      return true;
    },
    sendRaw() {},
    unref() {},
    close() {},
  };
  const service: Service = {
    async serve({ track, adopt }) {
      const server = createServer().listen({ fd: own.fd });
      await once(server, 'listening');
      track(server);
      await adopt([server]);
    },
    leave() {},
    hearsOfDrain: true,
    ownsSignals: true,
    mayEnd: false,
  };
  const silent = { info() {}, warn() {}, error() {} };
  const worker = new Worker(
    identity,
    { logger: silent, sharing: 'sharded', gracePeriod: 20_000 } as never,
    {
      ...system,
      openChannel: (_identity, { message }) => {
        hear = message;
        return channel as never;
      },
    },
    service,
  );
  const ended = worker.run();
  const address = { family: 'IPv4', address: '127.0.0.1', boundAs: '127.0.0.1', port: own.port } as const;
  const wire: WireListener = { ...address, fd: own.fd, name: '0', backlog: BACKLOG, ipv6Only: false };
  hear({ type: 'init', listeners: [wire] }, 0);
  await bounded(ready.promise, 10_000, 'the worker serves');
  preloaded.onMasterDeath();
  expect(sealed).toEqual([own.port]);
  expect(native.sendFds(ofMaster, { tag: 7, fds: [other.fd] })).toBe('sent');
  hear({ type: 'adopt', slot: 1, tag: 7, listeners: [0] }, 0);
  expect(sealed).toContain(other.port);
  await bounded(ended, 10_000, 'the worker drains');
});
