import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DEFAULT_BACKLOG, parseListen, UNIX_PATH_MAX } from '../../../lib/options/listen.js';
import type { ListenPlan } from '../../../lib/options/settings.js';

const tcp = {
  kind: 'tcp',
  name: '0',
  host: undefined,
  port: 0,
  network: 'tcp',
  ipv6Only: false,
  backlog: DEFAULT_BACKLOG,
};
const unix = {
  kind: 'unix',
  name: '0',
  path: '/run/app.sock',
  mode: undefined,
  owner: undefined,
  group: undefined,
  backlog: DEFAULT_BACKLOG,
};

function parseOne(target: unknown): ListenPlan | undefined {
  const [plan, ...others] = parseListen(target);
  expect(others).toEqual([]);
  return plan;
}

test.each([
  [0, tcp],
  [65535, { ...tcp, port: 65535 }],
  [':8080', { ...tcp, port: 8080 }],
  // As process.env.PORT has it.
  ['8080', { ...tcp, port: 8080 }],
  [{ port: '8080' }, { ...tcp, port: 8080 }],
  [
    { host: '::1', port: '0' },
    { ...tcp, host: '::1' },
  ],
  ['fd://4', { kind: 'inherited', name: '0', fd: 4, backlog: DEFAULT_BACKLOG }],
  [{ fd: 0 }, { kind: 'inherited', name: '0', fd: 0, backlog: DEFAULT_BACKLOG }],
  [
    { fd: 7, name: 'web', backlog: 9 },
    { kind: 'inherited', name: 'web', fd: 7, backlog: 9 },
  ],
  [
    { path: '/run/app.sock', owner: 'www-data', group: 'adm' },
    { ...unix, owner: 'www-data', group: 'adm' },
  ],
  [
    { path: '/run/app.sock', owner: 0, group: '33' },
    { ...unix, owner: 0, group: 33 },
  ],
  ['localhost:80', { ...tcp, host: 'localhost', port: 80 }],
  ['127.0.0.1:0', { ...tcp, host: '127.0.0.1' }],
  ['0.0.0.0:080', { ...tcp, host: '0.0.0.0', port: 80 }],
  ['[::1]:80', { ...tcp, host: '::1', port: 80 }],
  ['[::]:80', { ...tcp, host: '::', port: 80 }],
  ['[fe80::1%lo]:80', { ...tcp, host: 'fe80::1%lo', port: 80 }],
  ['[::ffff:127.0.0.1]:80', { ...tcp, host: '::ffff:127.0.0.1', port: 80 }],
  ['my_host-1.example.com.:80', { ...tcp, host: 'my_host-1.example.com.', port: 80 }],
  ['1a.example:80', { ...tcp, host: '1a.example', port: 80 }],
  ['bücher.example:80', { ...tcp, host: 'bücher.example', port: 80 }],
  ['unix:/run/app.sock', unix],
  ['unix:/run/with space:and colon', { ...unix, path: '/run/with space:and colon' }],
  [{ port: 80 }, { ...tcp, port: 80 }],
  [
    { host: 'fe80::1%eth0', port: 80 },
    { ...tcp, host: 'fe80::1%eth0', port: 80 },
  ],
  [
    { port: 80, name: 'web', backlog: 1 },
    { ...tcp, port: 80, name: 'web', backlog: 1 },
  ],
  [
    { port: 80, network: 'tcp4' },
    { ...tcp, port: 80, network: 'tcp4' },
  ],
  [
    { port: 80, network: 'tcp6' },
    { ...tcp, port: 80, network: 'tcp6', ipv6Only: true },
  ],
  [
    { port: 80, network: 'tcp6', ipv6Only: false },
    { ...tcp, port: 80, network: 'tcp6', ipv6Only: false },
  ],
  [
    { host: '::', port: 80, ipv6Only: true },
    { ...tcp, host: '::', port: 80, ipv6Only: true },
  ],
  [
    { host: '::', port: 80, network: 'tcp6' },
    { ...tcp, host: '::', port: 80, network: 'tcp6', ipv6Only: true },
  ],
  [{ path: '/run/app.sock', port: undefined }, unix],
  [
    { path: '/run/app.sock', mode: 0o660 },
    { ...unix, mode: 0o660 },
  ],
  [
    { path: '/run/app.sock', mode: 0 },
    { ...unix, mode: 0 },
  ],
  [{ path: 'app.sock' }, { ...unix, path: join(process.cwd(), 'app.sock') }],
  [{ path: '@app' }, { ...unix, path: join(process.cwd(), '@app') }],
])('%j is understood', (target, plan) => {
  expect(parseOne(target)).toEqual(plan);
});

test('listeners are named after their index unless they have a name', () => {
  const names = parseListen([0, { port: 0, name: 'admin-1 (ops)' }, 'unix:/tmp/x']).map(({ name }) => name);
  expect(names).toEqual(['0', 'admin-1 (ops)', '2']);
});

test('the longest path that fits into sun_path is accepted', () => {
  const path = `/${'x'.repeat(UNIX_PATH_MAX - 1)}`;
  expect(parseOne({ path })).toMatchObject({ path });
});

test('the same port on different addresses, families and port 0 any number of times are no duplicates', () => {
  const targets = [
    ...[0, 0, ':0', '127.0.0.1:80', '127.0.0.2:80', '[::1]:80', 'unix:/tmp/a', 'unix:/tmp/b'],
    ...[
      { port: 81, network: 'tcp4' },
      { port: 81, network: 'tcp6' },
    ],
  ];
  expect(parseListen(targets)).toHaveLength(targets.length);
});
