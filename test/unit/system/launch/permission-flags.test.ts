import { expect, test } from 'vitest';
import { withPermissionFlags } from '../../../../lib/system/launch/permission-flags.js';

const execArgv = [
  '--permission',
  '--enable-source-maps',
  '--allow-addons',
  '--allow-fs-read=/srv/a b',
  '--allow-fs-write',
  '/run/app',
];
const master = { execArgv, env: { PATH: '/bin' } };
const HANDED_ON = '--permission --allow-addons "--allow-fs-read=/srv/a b" --allow-fs-write /run/app';

test('without the permission model nothing changes', () => {
  const variables = { PATH: '/bin' };
  expect(withPermissionFlags(variables, [], { execArgv: ['--allow-addons'], env: {} })).toBe(variables);
});

test('flags of node that turn the model on are enough, with whatever they allow', () => {
  const variables = { PATH: '/bin' };
  expect(withPermissionFlags(variables, execArgv, master)).toBe(variables);
  expect(withPermissionFlags(variables, ['--permission'], master)).toBe(variables);
});

test('a worker without them gets the flags of the master, and no others, in NODE_OPTIONS', () => {
  expect(withPermissionFlags({ PATH: '/bin' }, ['--enable-source-maps'], master)).toEqual({
    PATH: '/bin',
    NODE_OPTIONS: HANDED_ON,
  });
  const own = { NODE_OPTIONS: '--max-old-space-size=100' };
  expect(withPermissionFlags(own, [], master)).toEqual({ NODE_OPTIONS: `--max-old-space-size=100 ${HANDED_ON}` });
});

test('NODE_OPTIONS that turn the model on are left as they are', () => {
  for (const NODE_OPTIONS of ['--permission', '--no-warnings "--permission" --allow-addons']) {
    const variables = { NODE_OPTIONS };
    expect(withPermissionFlags(variables, [], master)).toBe(variables);
  }
});

test('flags that the master got in NODE_OPTIONS reach a worker with another environment', () => {
  const inQuotes = '--no-warnings --permission "--allow-fs-read=/srv/a \\"b\\"" --allow-fs-write="/run/c d"';
  const ofEnvironment = { execArgv: ['--allow-addons'], env: { NODE_OPTIONS: inQuotes } };
  expect(withPermissionFlags({}, [], ofEnvironment)).toEqual({
    NODE_OPTIONS: '--permission "--allow-fs-read=/srv/a \\"b\\"" "--allow-fs-write=/run/c d" --allow-addons',
  });
});

test('the flag of Node 20 counts, and what only looks like one does not', () => {
  expect(withPermissionFlags({}, [], { execArgv: ['--experimental-permission'], env: {} })).toEqual({
    NODE_OPTIONS: '--experimental-permission',
  });
  expect(withPermissionFlags({}, [], { execArgv: ['--title=--permission'], env: {} })).toEqual({});
});
