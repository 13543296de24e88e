import { expect, test } from 'vitest';
import { checkPermission } from '../../../lib/master/permission.js';
import { resolveOptions } from '../../../lib/options/resolve.js';
import type { PreforkOptions } from '../../../lib/types.js';

const KNOWN = new Set(['--allow-child-process', '--allow-net']);

const WITH_FLAGS = { execArgv: ['--permission'], env: {}, physicalCwd: '/srv/app' };

/** @param granted `scope`, or `scope path` with everything below it. */
function check(
  granted: readonly string[],
  options: Partial<PreforkOptions> = {},
  known = KNOWN,
  socketsCome = false,
  program: { readonly execArgv: readonly string[]; readonly env: NodeJS.ProcessEnv } = WITH_FLAGS,
): void {
  const has = (scope: string, reference?: string): boolean =>
    granted.some((grant) => {
      const [allowed, path] = grant.split(' ');
      return allowed === scope && (path === undefined || (reference ?? '').startsWith(path));
    });
  const settings = resolveOptions({ serve: () => {}, listen: 0, logger: false, ...options }, '0');
  checkPermission(settings, { has }, { ...WITH_FLAGS, ...program }, socketsCome, known);
}

function refusal(...flags: readonly string[]): Error {
  const message = expect.stringMatching(new RegExp(`^node runs with --permission, and .*: add ${flags.join(' ')}$`));
  return expect.objectContaining({ name: 'PreforkError', code: 'ERR_PREFORK_UNSUPPORTED', message });
}

test('F14a every flag that is missing is named in one error', () => {
  expect(() => check([])).toThrow(refusal('--allow-child-process', '--allow-net'));
  expect(() => check(['child'])).toThrow(refusal('--allow-net'));
  expect(() => check(['child', 'net'])).not.toThrow();
});

test('F14a a flag that this version of node does not have is not asked for', () => {
  expect(() => check(['child'], {}, new Set(['--allow-child-process']))).not.toThrow();
});

const unix = { listen: [0, 'unix:/run/app/web.sock'] };

test.each([
  [
    ['child', 'net'],
    ['--allow-fs-read=/run/app', '--allow-fs-write=/run/app'],
  ],
  [['child', 'net', 'fs.read'], ['--allow-fs-write=/run/app']],
  // Its lock and its temporary name need the folder.
  [['child', 'net', 'fs.read', 'fs.write /run/app/web.sock'], ['--allow-fs-write=/run/app']],
  [
    ['net', 'fs.read'],
    ['--allow-child-process', '--allow-fs-write=/run/app'],
  ],
])('F14c a unix socket needs its folder: with %j %j are named', (granted, flags) => {
  expect(() => check(granted, unix)).toThrow(refusal(...flags));
});

test('F14c a unix socket is permitted with its folder, or comes from the service manager', () => {
  expect(() => check(['child', 'net', 'fs.read', 'fs.write /run/app/'], unix)).not.toThrow();
  expect(() => check(['child', 'net'], unix, KNOWN, true)).not.toThrow();
});

test('F14c a pid file needs its folder, and a relative one begins at the directory of the start', () => {
  const all = ['child', 'net', 'fs.read'];
  const flag = '--allow-fs-write=/srv/app/run';
  expect(() => check(all, { pidFile: 'run/app.pid' })).toThrow(refusal(flag));
  expect(() => check([...all, 'fs.write /srv/app/run/app.pid'], { pidFile: 'run/app.pid' })).toThrow(refusal(flag));
  expect(() => check([...all, 'fs.write /srv/app/run/'], { pidFile: 'run/app.pid' })).not.toThrow();
});

test('F14a certificates that may not be read are named before anything is bound', () => {
  const tls = { keyFile: '/etc/tls/key.pem', certFile: '/etc/tls/cert.pem' };
  expect(() => check(['child', 'net', 'fs.read /etc/tls/cert'], { tls })).toThrow(
    refusal('--allow-fs-read=/etc/tls/key.pem'),
  );
});

test('F14d a model from a configuration file is not dropped: its flag, or a model, must be in execArgv', () => {
  const file = '--experimental-config-file=app.json';
  const granted = ['child', 'net'];
  const from = (execArgv: readonly string[], options: Partial<PreforkOptions>, env = {}) =>
    check(granted, options, KNOWN, false, { execArgv, env });
  expect(() => from([file], { execArgv: ['--no-warnings'] })).toThrow(
    expect.objectContaining({
      code: 'ERR_PREFORK_UNSUPPORTED',
      message: expect.stringMatching(
        /^option 'execArgv' .*: add --experimental-config-file=app\.json or --permission$/,
      ),
    }),
  );
  expect(() => from([file], {})).not.toThrow();
  expect(() => from([file], { execArgv: [file] })).not.toThrow();
  expect(() => from([file], { execArgv: ['--permission'] })).not.toThrow();
  expect(() => from([file, '--permission'], { execArgv: [] })).not.toThrow();
  expect(() => from([file], { execArgv: [] }, { NODE_OPTIONS: '--permission' })).not.toThrow();
});
