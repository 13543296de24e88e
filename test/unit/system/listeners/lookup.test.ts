import { expect, test } from 'vitest';
import { parseListen } from '../../../../lib/options/listen.js';
import type { TcpPlan } from '../../../../lib/options/settings.js';
import { type Lookup, resolveHost } from '../../../../lib/system/listeners/lookup.js';

function plan(target: unknown): TcpPlan {
  return parseListen(target)[0] as TcpPlan;
}

const never: Lookup = () => {
  throw new Error('nothing to look up');
};

const any4 = { family: 'IPv4', address: '0.0.0.0' };
const any6 = { family: 'IPv6', address: '::' };

test.each([
  [80, [any6, any4]],
  [{ port: 80, network: 'tcp4' }, [any4]],
  [{ port: 80, network: 'tcp6' }, [any6]],
  [{ port: 80, ipv6Only: true }, [any6]],
  ['127.0.0.1:80', [{ family: 'IPv4', address: '127.0.0.1' }]],
  ['[fe80::1%lo]:80', [{ family: 'IPv6', address: 'fe80::1%lo' }]],
])('%j needs no lookup', async (target, addresses) => {
  expect(await resolveHost('listen', plan(target), never)).toEqual(addresses);
});

test.each([
  [{ host: 'app', port: 0 }, 0],
  [{ host: 'app', port: 0, network: 'tcp4' }, 4],
  [{ host: 'app', port: 0, network: 'tcp6' }, 6],
  [{ host: 'app', port: 0, ipv6Only: true }, 6],
])('%j asks for family %i and keeps the order of the answer', async (target, wanted) => {
  const lookup: Lookup = async (host, { family }) => {
    expect([host, family]).toEqual(['app', wanted]);
    return [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ];
  };
  expect(await resolveHost('listen', plan(target), lookup)).toEqual([
    { family: 'IPv6', address: '::1' },
    { family: 'IPv4', address: '127.0.0.1' },
  ]);
});

test('a name that does not resolve is the error of getaddrinfo, naming the option', async () => {
  const cause = Object.assign(new Error('getaddrinfo ENOTFOUND no.invalid'), {
    code: 'ENOTFOUND',
    errno: -3008,
    syscall: 'getaddrinfo',
    hostname: 'no.invalid',
  });
  const failing: Lookup = () => Promise.reject(cause);
  await expect(resolveHost('listen[1]', plan('no.invalid:80'), failing)).rejects.toMatchObject({
    code: 'ENOTFOUND',
    errno: -3008,
    syscall: 'getaddrinfo',
    hostname: 'no.invalid',
    cause,
    message: expect.stringMatching(/^getaddrinfo ENOTFOUND no\.invalid \(option 'listen\[1\]'/) as string,
  });
});
