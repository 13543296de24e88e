/** Options that `prefork()` must refuse in its caller, before it opens or spawns anything. */

import { createServer } from 'node:net';

export interface BadOptions {
  /** What is wrong, for the title. */
  readonly what: string;
  /** Merged over `{ serve, listen: 0 }`; `undefined` removes the option. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Path of the option that the error has to name. */
  readonly option: string;
  readonly error: 'TypeError' | 'RangeError';
}

const type = (option: string, options: Readonly<Record<string, unknown>>, what: string): BadOptions => {
  return { what, options, option, error: 'TypeError' };
};
const range = (option: string, options: Readonly<Record<string, unknown>>, what: string): BadOptions => {
  return { what, options, option, error: 'RangeError' };
};

function application(): void {}
application.listen = (): void => {};

/** What a server looks like after listen(), without a descriptor that a test would have to close. */
const listening = Object.defineProperty(createServer(), 'listening', { value: true });

/** An object that contains itself. */
const cycle: { self?: unknown } = {};
cycle.self = cycle;

/** C18: addresses that look like one and are none. All of them are refused under `listen`. */
export const BAD_ADDRESSES: readonly string[] = [
  ...['', ':', '3000', 'localhost', 'localhost:', '127.0.0.1', ':http', 'localhost:http', ':-1', ':65536', ':70000'],
  ...[':80.5', ':0x50', ':1e3', ':+80', ': 80', ':80 ', ' :80', ':123456', '*:80', '::1:80', '::1', '[::1]', '[::1]80'],
  ...['[::1]:', '[::1', '[::1:80', '::1]:80', '[127.0.0.1]:80', '[localhost]:80', '[]:80', '[::g]:80', '[::1]:65536'],
  ...['256.1.1.1:80', '1.2.3:80', '1.2.3.4.5:80', '127.1:80', '1.2.3.4:80:90', 'local host:80', '-a.example:80'],
  ...['a..example:80', 'a/b:80', 'http://localhost:80', 'tcp://:80', 'localhost:80/path', 'user@host:80', '\0:80'],
  ...[`${'a'.repeat(64)}.example:80`, `${'a.'.repeat(130)}example:80`, 'unix:', 'unix:app.sock', 'unix:./app.sock'],
  ...['unix://', 'unix:/run/', 'unix:/a\0b', `unix:/${'x'.repeat(107)}`, 'unix', '127.0.0.1:80,127.0.0.1:81'],
];

export const BAD_OPTIONS: readonly BadOptions[] = [
  // serve
  type('serve', { serve: undefined }, 'no serve'),
  type('serve', { serve: null }, 'serve: null'),
  type('serve', { serve: 'server.js' }, 'serve: a string'),
  type('serve', { serve: {} }, 'serve: an object that is no server'),
  type('serve', { serve: application }, 'serve: an application with a listen method'),
  range('serve', { serve: listening }, 'serve: a server that listens already'),
  // listen
  type('listen', { listen: undefined }, 'no listen'),
  type('listen', { listen: null }, 'listen: null'),
  type('listen', { listen: true }, 'listen: true'),
  type('listen', { listen: () => 80 }, 'listen: a function'),
  range('listen', { listen: [] }, 'listen: no address'),
  range('listen', { listen: NaN }, 'listen: NaN'),
  range('listen', { listen: -1 }, 'listen: -1'),
  range('listen', { listen: 65536 }, 'listen: 65536'),
  range('listen', { listen: 80.5 }, 'listen: 80.5'),
  range('listen[1]', { listen: [0, 'nonsense'] }, 'a bad address among good ones'),
  type('listen[1]', { listen: [0, [1]] }, 'an array inside listen'),
  type('listen[0]', { listen: [undefined, 0] }, 'a hole in listen'),
  type('listen.port', { listen: {} }, 'listen: {}'),
  type('listen.port', { listen: { host: 'localhost' } }, 'a host without a port'),
  type('listen.port', { listen: { port: '80' } }, 'a port that is a string'),
  range('listen.port', { listen: { port: Infinity } }, 'port: Infinity'),
  type('listen.host', { listen: { host: 1, port: 0 } }, 'host: a number'),
  range('listen.host', { listen: { host: '', port: 0 } }, 'an empty host'),
  range('listen.host', { listen: { host: '[::1]', port: 0 } }, 'a host in brackets'),
  range('listen.host', { listen: { host: '999.0.0.1', port: 0 } }, 'an IPv4 address out of range'),
  range('listen.host', { listen: { host: 'a\0b', port: 0 } }, 'a host with NUL'),
  type('listen.port', { listen: { path: '/tmp/x', port: 0 } }, 'path and port'),
  type('listen.host', { listen: { path: '/tmp/x', host: '::' } }, 'path and host'),
  type('listen.ipv6Only', { listen: { path: '/tmp/x', ipv6Only: true } }, 'path and ipv6Only'),
  type('listen.network', { listen: { path: '/tmp/x', network: 'tcp' } }, 'path and network'),
  type('listen.path', { listen: { path: 1 } }, 'path: a number'),
  range('listen.path', { listen: { path: '' } }, 'an empty path'),
  range('listen.path', { listen: { path: '/tmp/' } }, 'path: a folder'),
  range('listen.path', { listen: { path: `/${'x'.repeat(107)}` } }, 'a path of 108 bytes'),
  range('listen.path', { listen: { path: `/${'ö'.repeat(54)}` } }, 'a path of 55 characters and 109 bytes'),
  range('listen.path', { listen: { path: '\0abstract' } }, 'an abstract name'),
  type('listen.mode', { listen: { port: 0, mode: 0o600 } }, 'mode without path'),
  type('listen.mode', { listen: { path: '/tmp/x', mode: '660' } }, 'mode: a string'),
  range('listen.mode', { listen: { path: '/tmp/x', mode: 0o1777 } }, 'mode: 0o1777'),
  range('listen.backlog', { listen: { port: 0, backlog: 0 } }, 'backlog: 0'),
  range('listen.backlog', { listen: { port: 0, backlog: 2 ** 31 } }, 'backlog: 2^31'),
  type('listen.backlog', { listen: { port: 0, backlog: '511' } }, 'backlog: a string'),
  type('listen.ipv6Only', { listen: { port: 0, ipv6Only: 1 } }, 'ipv6Only: 1'),
  range('listen.ipv6Only', { listen: { port: 0, host: '127.0.0.1', ipv6Only: true } }, 'ipv6Only for IPv4'),
  range('listen.ipv6Only', { listen: { port: 0, network: 'tcp4', ipv6Only: true } }, "ipv6Only for network 'tcp4'"),
  range('listen.network', { listen: { port: 0, network: 'udp' } }, "network: 'udp'"),
  type('listen.network', { listen: { port: 0, network: 4 } }, 'network: 4'),
  range('listen.network', { listen: { port: 0, host: '::1', network: 'tcp4' } }, "an IPv6 address for 'tcp4'"),
  range('listen.network', { listen: { port: 0, host: '127.0.0.1', network: 'tcp6' } }, "an IPv4 address for 'tcp6'"),
  type('listen.name', { listen: { port: 0, name: 1 } }, 'a listener name that is a number'),
  range('listen.name', { listen: { port: 0, name: '' } }, 'an empty listener name'),
  range('listen.name', { listen: { port: 0, name: 'a:b' } }, 'a listener name with a colon'),
  range('listen.name', { listen: { port: 0, name: 'a\nb' } }, 'a listener name with a line feed'),
  range('listen.name', { listen: { port: 0, name: 'x'.repeat(256) } }, 'a listener name of 256 characters'),
  range(
    'listen[1].name',
    {
      listen: [
        { port: 0, name: 'a' },
        { port: 0, name: 'a' },
      ],
    },
    'a listener name twice',
  ),
  range('listen[1].name', { listen: [{ port: 0, name: '1' }, 0] }, 'a listener named after the index of another'),
  range('listen[1]', { listen: [8080, ':8080'] }, 'the same port twice'),
  range('listen[1]', { listen: ['Example.com:80', 'example.com:80'] }, 'the same host twice'),
  range('listen[1]', { listen: ['unix:/tmp/x', 'unix:/tmp/../tmp/x'] }, 'the same path twice'),
  type('listen.hostname', { listen: { port: 0, hostname: '::' } }, 'a misspelt listen option'),
  // fleet
  type('name', { name: 1 }, 'name: a number'),
  range('name', { name: '' }, 'an empty name'),
  range('name', { name: 'a\nb' }, 'a name with a line feed'),
  range('name', { name: 'x'.repeat(256) }, 'a name of 256 characters'),
  type('workers', { workers: '2' }, 'workers: a string'),
  type('workers', { workers: null }, 'workers: null'),
  range('workers', { workers: 0 }, 'workers: 0'),
  range('workers', { workers: 1.5 }, 'workers: 1.5'),
  range('workers', { workers: NaN }, 'workers: NaN'),
  range('workers', { workers: Infinity }, 'workers: Infinity'),
  range('workers', { workers: 65_536 }, 'workers: 65536'),
  range('sharing', { sharing: 'roundrobin' }, 'an unknown sharing'),
  type('sharing', { sharing: true }, 'sharing: true'),
  // tls
  type('tls', { tls: true }, 'tls: true'),
  type('tls', { tls: {} }, 'tls: {}'),
  type('tls.cert', { tls: { key: 'k' } }, 'a key without a certificate'),
  type('tls.key', { tls: { cert: 'c' } }, 'a certificate without a key'),
  type('tls.key', { tls: { key: 'k', keyFile: '/k', cert: 'c' } }, 'key and keyFile'),
  type('tls.cert', { tls: { key: 'k', cert: 'c', certFile: '/c' } }, 'cert and certFile'),
  type('tls.keyFile', { tls: { keyFile: 1, certFile: '/c' } }, 'keyFile: a number'),
  range('tls.certFile', { tls: { keyFile: '/k', certFile: '' } }, 'an empty certFile'),
  range('tls.keyFile', { tls: { keyFile: '/k\0', certFile: '/c' } }, 'keyFile with NUL'),
  type('tls.keyfile', { tls: { keyfile: '/k', certFile: '/c' } }, 'a misspelt TLS option'),
  type('tls.SNICallback', { tls: { key: 'k', cert: 'c', SNICallback() {} } }, 'a function inside tls'),
  type('tls.ca[0]', { tls: { key: 'k', cert: 'c', ca: [new Date()] } }, 'a class instance inside tls'),
  type(
    'tls.ca.self.self.self.self.self.self.self.self.self',
    { tls: { key: 'k', cert: 'c', ca: cycle } },
    'a cycle inside tls',
  ),
  type('tls.secureOptions', { tls: { key: 'k', cert: 'c', secureOptions: NaN } }, 'NaN inside tls'),
  type('tls.ticketKeys', { tls: { key: 'k', cert: 'c', ticketKeys: Buffer.alloc(47) } }, 'ticketKeys of 47 bytes'),
  // recovery
  type('recoverThreshold', { recoverThreshold: '5' }, 'recoverThreshold: a string'),
  range('recoverThreshold', { recoverThreshold: -1 }, 'recoverThreshold: -1'),
  range('recoverThreshold', { recoverThreshold: 0.5 }, 'recoverThreshold: 0.5'),
  range('recoverThreshold', { recoverThreshold: NaN }, 'recoverThreshold: NaN'),
  range('recoverWindow', { recoverWindow: 0 }, 'recoverWindow: 0'),
  range('recoverWindow', { recoverWindow: 2 ** 31 }, 'recoverWindow: 2^31'),
  type('recoverWindow', { recoverWindow: '1m' }, 'recoverWindow: a string'),
  range('recoverInterval', { recoverInterval: -1 }, 'recoverInterval: -1'),
  range('recoverInterval', { recoverInterval: Infinity }, 'recoverInterval: Infinity'),
  type('recoverInterval', { recoverInterval: '100' }, 'recoverInterval: a string'),
  type('recoverInterval', { recoverInterval: [100] }, 'recoverInterval: an array'),
  type('recoverInterval.initial', { recoverInterval: { initial: '1' } }, 'initial: a string'),
  range('recoverInterval.max', { recoverInterval: { initial: 10, max: 5 } }, 'max below initial'),
  range('recoverInterval.factor', { recoverInterval: { factor: 0.5 } }, 'factor: 0.5'),
  range('recoverInterval.jitter', { recoverInterval: { jitter: 1.1 } }, 'jitter: 1.1'),
  range('recoverInterval.jitter', { recoverInterval: { jitter: NaN } }, 'jitter: NaN'),
  type('recoverInterval.maximum', { recoverInterval: { maximum: 5 } }, 'a misspelt recoverInterval option'),
  // times
  range('readiness', { readiness: 'ready' }, "readiness: 'ready'"),
  type('readiness', { readiness: true }, 'readiness: true'),
  range('readyTimeout', { readyTimeout: 0 }, 'readyTimeout: 0'),
  range('readyTimeout', { readyTimeout: Infinity }, 'readyTimeout: Infinity'),
  type('readyTimeout', { readyTimeout: '30s' }, 'readyTimeout: a string'),
  range('readyFor', { readyFor: -1 }, 'readyFor: -1'),
  range('readyFor', { readyFor: Infinity }, 'readyFor: Infinity'),
  range('readyFor', { readyFor: NaN }, 'readyFor: NaN'),
  type('readyFor', { readyFor: '1s' }, 'readyFor: a string'),
  type('minUptime', { minUptime: 1_000 }, 'minUptime, the name that others have for readyFor'),
  range('shutdownGracePeriod', { shutdownGracePeriod: -1 }, 'shutdownGracePeriod: -1'),
  range('shutdownGracePeriod', { shutdownGracePeriod: 2 ** 31 }, 'shutdownGracePeriod: 2^31'),
  type('shutdownGracePeriod', { shutdownGracePeriod: 5n }, 'shutdownGracePeriod: a bigint'),
  range('maxSurge', { maxSurge: 0 }, 'maxSurge: 0'),
  type('maxSurge', { maxSurge: '25%' }, 'maxSurge: a percentage'),
  range('drainTimeout', { drainTimeout: -1 }, 'drainTimeout: -1'),
  range('drainTimeout', { drainTimeout: NaN }, 'drainTimeout: NaN'),
  range('maxDraining', { maxDraining: 0 }, 'maxDraining: 0'),
  type('maxDraining', { maxDraining: true }, 'maxDraining: true'),
  range('exitAfterDrain', { exitAfterDrain: -1 }, 'exitAfterDrain: -1'),
  type('exitAfterDrain', { exitAfterDrain: '1s' }, 'exitAfterDrain: a string'),
  range('livenessTimeout', { livenessTimeout: 99 }, 'livenessTimeout: 99'),
  range('livenessTimeout', { livenessTimeout: Infinity }, 'livenessTimeout: Infinity'),
  range(
    'livenessTimeout',
    { livenessTimeout: 5_000, readiness: 'spawn' },
    "livenessTimeout: 5000 and readiness: 'spawn'",
  ),
  type('livenessTimeout', { livenessTimeout: true }, 'livenessTimeout: true'),
  type('recycle', { recycle: true }, 'recycle: true'),
  range('recycle', { recycle: {} }, 'recycle: {}'),
  range('recycle.maxAge', { recycle: { maxAge: 0 } }, 'maxAge: 0'),
  range('recycle.maxRequests', { recycle: { maxRequests: 1.5 } }, 'maxRequests: 1.5'),
  type('recycle.maxRss', { recycle: { maxRss: '1G' } }, 'maxRss: a string'),
  range('recycle.jitter', { recycle: { maxAge: 1, jitter: 2 } }, 'recycle jitter: 2'),
  type('recycle.maxAges', { recycle: { maxAges: 1 } }, 'a misspelt recycle option'),
  // hooks
  type('onChildSpawn', { onChildSpawn: 'log' }, 'onChildSpawn: a string'),
  type('onMasterReady', { onMasterReady: {} }, 'onMasterReady: an object'),
  type('onChildRecover', { onChildRecover: true }, 'onChildRecover: true'),
  type('onChildExit', { onChildExit: null }, 'onChildExit: null'),
  type('onMasterDeath', { onMasterDeath: true }, 'onMasterDeath: true'),
  range('onMasterDeath', { onMasterDeath: 'drain' }, "onMasterDeath: 'drain'"),
  type('commandProducer', { commandProducer: 'node' }, 'commandProducer: a string'),
  type('logger', { logger: true }, 'logger: true'),
  type('logger.warn', { logger: { info() {}, error() {} } }, 'a logger without warn'),
  type(
    'logger.error',
    {
      logger: {
        info() {},
        warn() {},
        get error() {
          throw new Error('not yet');
        },
      },
    },
    'a logger whose error throws',
  ),
  type('signals', { signals: 'SIGTERM' }, 'signals: a string'),
  // launch
  type('exec', { exec: ['node'] }, 'exec: an array'),
  range('exec', { exec: '' }, 'an empty exec'),
  range('exec', { exec: 'no\0de' }, 'exec with NUL'),
  type('args', { args: 'app.js' }, 'args: a string'),
  type('args[1]', { args: ['a', 1] }, 'args with a number'),
  range('args[0]', { args: ['\0'] }, 'args with NUL'),
  type('execArgv', { execArgv: '--inspect' }, 'execArgv: a string'),
  range('execArgv[0]', { execArgv: ['a\0b'] }, 'execArgv with NUL'),
  type('cwd', { cwd: new URL('file:///tmp') }, 'cwd: a URL'),
  range('cwd', { cwd: '/tmp\0' }, 'cwd with NUL'),
  type('env', { env: ['A=1'] }, 'env: an array'),
  type('env.PORT', { env: { PORT: 80 } }, 'env with a number'),
  range('env.A', { env: { A: 'x\0y' } }, 'env with NUL in a value'),
  range('env', { env: { 'A=B': '1' } }, "env with '=' in a name"),
  range('env', { env: { '': '1' } }, 'env with an empty name'),
  range('stdio', { stdio: 'ipc' }, "stdio: 'ipc'"),
  type('stdio', { stdio: 1 }, 'stdio: a number'),
  range('stdio', { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }, 'stdio with four entries'),
  range('stdio[2]', { stdio: ['ignore', 'inherit', 'stderr'] }, 'an unknown stdio entry'),
  range('stdio[0]', { stdio: [-1] }, 'stdio with a negative descriptor'),
  type('stdio[1]', { stdio: ['ignore', {}] }, 'stdio with a stream that is not open'),
  type('uid', { uid: 'nobody' }, 'uid: a name'),
  range('uid', { uid: -1 }, 'uid: -1'),
  range('gid', { gid: 2 ** 32 - 1 }, 'gid: (gid_t)-1'),
  range('gid', { gid: 1.5 }, 'gid: 1.5'),
  type('groups', { groups: 4 }, 'groups: a number'),
  type('groups[0]', { groups: ['adm'] }, 'groups with a name'),
  range('groups', { groups: Array(65_537).fill(1) }, 'more groups than the kernel takes'),
  // names and combinations
  type('worker', { worker: 2 }, 'a misspelt option'),
  type('port', { port: 80 }, 'an option of another library'),
  type('nonsense', { nonsense: 1 }, 'an option that does not exist'),
  type('tls', { tls: { keyFile: '/k', certFile: '/c' }, readiness: 'spawn' }, "tls with readiness 'spawn'"),
  range('sharing', { sharing: 'reuseport', readiness: 'spawn' }, "reuseport with readiness 'spawn'"),
  type('groups', { groups: [1], commandProducer() {} }, 'groups with commandProducer'),
];
