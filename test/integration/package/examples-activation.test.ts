import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import type { NativeExit } from '../../../lib/addon/native.cjs';
import { native } from '../../helpers/addon.js';
import { bounded, connectRaw, httpGet, inPackage, target } from '../../helpers/index.js';

const EXAMPLE = inPackage('examples/http.mjs');

test('a socket that a service manager holds keeps clients waiting over a restart of the master', async () => {
  // The test does what a service manager does: it binds, and starts the master with the socket as descriptor 3.
  const nothing = openSync('/dev/null', 'r+');
  onTestFinished(() => closeSync(nothing));
  const address = { family: 'IPv4', address: '127.0.0.1', port: 0, ipv6Only: false } as const;
  const { fd, port = 0 } = native.listen({ ...address, backlog: 16, reusePort: false });
  onTestFinished(() => native.closeFd(fd));
  const start = () => {
    const env = { ...process.env, LISTEN_FDS: '1', PORT: String(port) };
    let ended: (exit: NativeExit) => void = () => {};
    const exit = new Promise<NativeExit>((resolve) => {
      ended = resolve;
    });
    const child = native.spawn(
      {
        file: target.node,
        args: [target.node, EXAMPLE],
        env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        fds: [nothing, nothing, nothing, fd],
        dieWithParent: true,
        listenPid: true,
      },
      (exit) => ended(exit),
    );
    onTestFinished(() => void child.kill(constants.signals.SIGKILL));
    return {
      stop: () => {
        child.kill(constants.signals.SIGTERM);
        return bounded(exit, 15_000, 'the master ends');
      },
    };
  };

  const first = start();
  expect((await httpGet({ port })).status).toBe(200);
  expect(await first.stop()).toEqual({ code: 0, signal: null });

  const client = await connectRaw({ port });
  onTestFinished(() => client.close());
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  const second = start();
  expect(await client.until('hello from worker')).toContain('200 OK');
  expect(await second.stop()).toEqual({ code: 0, signal: null });
});
