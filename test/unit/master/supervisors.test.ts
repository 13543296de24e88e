import { expect, test } from 'vitest';
import { type Look, refuseClusterMode, shellInFront } from '../../../lib/master/supervisors.js';

test("PM2's cluster mode is refused with the cure, its fork mode and other programs are not", () => {
  const refused = () => refuseClusterMode({ pm_id: '2', exec_mode: 'cluster_mode', NODE_APP_INSTANCE: '0' });
  expect(refused).toThrow(expect.objectContaining({ name: 'PreforkError', code: 'ERR_PREFORK_UNSUPPORTED' }));
  expect(refused).toThrow(/pm_id 2.*exec_mode: 'fork' and instances: 1/);
  expect(() => refuseClusterMode({ pm_id: '2', exec_mode: 'fork_mode', NODE_APP_INSTANCE: '0' })).not.toThrow();
  expect(() => refuseClusterMode({ exec_mode: 'cluster_mode' })).not.toThrow();
  expect(() => refuseClusterMode({})).not.toThrow();
});

/** From the parent of the master upwards. */
const ancestors =
  (...names: [pid: number, name: string][]): Look =>
  (pid) => {
    const at = names.findIndex(([number]) => number === pid);
    const found = names[at];
    return found === undefined ? undefined : { name: found[1], parent: names[at + 1]?.[0] ?? 0 };
  };
const npm = { npm_lifecycle_event: 'start' };

test.each([
  ['npm is PID 1', npm, ancestors([19, 'sh'], [1, 'npm start'])],
  ['npm is below an init', npm, ancestors([19, 'dash'], [7, 'npm start'], [1, 'tini'])],
  ['a shell is PID 1', {}, ancestors([1, 'sh'])],
])('a shell between master and stop is named: %s', (_what, env, look) => {
  expect(shellInFront(env, look(19) === undefined ? 1 : 19, look)).toMatch(/^the shell.*`exec node …`/);
});

test('of npx, whose shell is no script of the user, the warning names the program to start', () => {
  const warning = shellInFront({ npm_lifecycle_event: 'npx' }, 19, ancestors([19, 'sh'], [7, 'npm exec'], [1, 'tini']));
  expect(warning).toMatch(/^the shell of npx .*start `node node_modules\/.bin\/prefork …` instead$/);
});

test.each([
  ['the script uses exec', npm, ancestors([1, 'npm start'])],
  ['a person typed npm start', npm, ancestors([19, 'sh'], [18, 'npm start'], [17, 'bash'], [1, 'systemd'])],
  ['a shell of a person', {}, ancestors([19, 'bash'], [1, 'sshd'])],
  ['the service manager', {}, ancestors([1, 'systemd'])],
  ['no proc(5)', npm, () => undefined],
] as const)('nothing is said otherwise: %s', (_what, env, look) => {
  expect(shellInFront(env, look(19) === undefined ? 1 : 19, look)).toBeUndefined();
});
