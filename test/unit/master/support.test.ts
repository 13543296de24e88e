import { expect, test } from 'vitest';
import { checkSupport } from '../../../lib/master/support.js';
import { resolveOptions } from '../../../lib/options/resolve.js';
import type { Features, PreforkOptions } from '../../../lib/types.js';

const LITTLE: Features = {
  nativeSpawn: false,
  reuseport: false,
  sharding: false,
  pidfd: false,
  parentDeathSignal: false,
  unixSockets: false,
  queueDepth: false,
  dropPrivileges: false,
  acceptLine: false,
  exclusiveAccept: false,
  reasons: { unixSockets: 'they cannot be handed over', dropPrivileges: 'there is no setuid(2)' },
};
const MUCH: Features = { ...LITTLE, nativeSpawn: true, unixSockets: true, dropPrivileges: true };

function check(options: Partial<PreforkOptions>, features: Features): void {
  checkSupport(resolveOptions({ serve: () => {}, listen: 0, logger: false, ...options }, '0'), features);
}

test.each<[string, Partial<PreforkOptions>, RegExp]>([
  ['a unix socket', { listen: [0, 'unix:/run/app.sock'] }, /unix:\/run\/app\.sock.*they cannot be handed over/],
  ['uid', { uid: 1_000 }, /'uid'.*there is no setuid/],
  ['gid', { gid: 1_000 }, /'gid'.*there is no setuid/],
  ['groups', { groups: [1] }, /'groups'.*there is no setuid/],
  ["readiness 'spawn'", { readiness: 'spawn' }, /readiness: 'spawn'.*cannot be given a listening socket/],
])('%s where the system cannot do it is refused with the reason', (_what, options, message) => {
  const refused = (): void => check(options, LITTLE);
  expect(refused).toThrow(expect.objectContaining({ name: 'PreforkError', code: 'ERR_PREFORK_UNSUPPORTED' }));
  expect(refused).toThrow(message);
  expect(refused).toThrow(process.platform);
  expect(() => check(options, MUCH)).not.toThrow();
});

test('options that every system supports are refused nowhere', () => {
  expect(() => check({ listen: [0, '127.0.0.1:80'], stdio: 'pipe', onMasterDeath: 'kill' }, LITTLE)).not.toThrow();
});
