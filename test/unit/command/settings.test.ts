import { expect, test } from 'vitest';
import { resolveHosted } from '../../../lib/command/settings.js';
import type { HostedProgram } from '../../../lib/protocol/protocol.cjs';
import type { PreforkOptions } from '../../../lib/types.js';

const hosting = { waitReady: false };
const hostedOf = (options: Partial<PreforkOptions>, given = hosting): HostedProgram =>
  JSON.parse(resolveHosted(options, given, '0').launch.hosted as string) as HostedProgram;

test('a hosted program opens its own addresses: without listen nothing is open before it asks', () => {
  expect(resolveHosted({}, hosting, '0').listen).toEqual([]);
  expect(resolveHosted({ listen: 8080 }, hosting, '0').listen).toMatchObject([{ kind: 'tcp', port: 8080 }]);
});

test('what a worker goes by reaches it without the program', () => {
  const options = {
    shutdownGracePeriod: 700,
    recycle: { maxRequests: 9 },
    onMasterDeath: 'kill',
    logger: false,
  } as const;
  expect(hostedOf(options, { waitReady: true })).toEqual({
    silent: true,
    waitReady: true,
    sharing: 'shared',
    gracePeriod: 700,
    readyTimeout: 30_000,
    exitAfterDrain: 500,
    recycle: { maxRequests: 9, jitter: 0.2 },
    onMasterDeath: 'kill',
  });
  expect(hostedOf({ exitAfterDrain: 2_000 })).toMatchObject({ exitAfterDrain: 2_000, silent: false });
});

test.each(['serve', 'tls', 'readiness', 'exec', 'args'] as const)(
  "'%s' is refused, because the program does that by itself",
  (name) => {
    const refused = () => resolveHosted({ [name]: 'x' } as never, hosting, '0');
    expect(refused).toThrowError(expect.objectContaining({ code: 'ERR_PREFORK_INVALID_OPTION' }));
    expect(refused).toThrow(name);
  },
);

test('every way to share is to be had', () => {
  for (const sharing of ['shared', 'sharded', 'reuseport'] as const)
    expect(resolveHosted({ sharing }, hosting, '0')).toMatchObject({ sharing });
});

test('functions are refused that no program could hear', () => {
  expect(() => resolveHosted({ onMasterDeath: () => {} }, hosting, '0')).toThrow("'kill' or false");
});
