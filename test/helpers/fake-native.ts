/**
 * The part of the addon that opens and inspects sockets, without a kernel: for unit tests of what is done with the
 * descriptors.
 */

import { constants } from 'node:os';
import type { InspectedSocket, NativeBinding, TcpListenRequest } from '../../lib/native.cjs';
import type { Logger } from '../../lib/types.js';

type Request = Omit<TcpListenRequest, 'backlog' | 'reusePort'> & { readonly backlog?: number };

export class FakeNative {
  /** Every call, as `name argument`. */
  readonly calls: string[] = [];
  readonly open = new Set<number>();
  /** What is behind the descriptors that exist from the start. */
  readonly inherited = new Map<number, InspectedSocket>();
  /** Addresses (`address:port`) that fail, and how. */
  readonly failures = new Map<string, keyof typeof constants.errno>();
  #next = 100;

  inherit(fd: number, socket: Partial<InspectedSocket>): void {
    this.open.add(fd);
    this.inherited.set(fd, {
      ...{ family: 'IPv4', type: 'stream', listening: true, nonBlocking: false, closeOnExec: false, reusePort: false },
      address: '127.0.0.1',
      ...socket,
    });
  }

  get binding(): NativeBinding {
    const binding: Partial<NativeBinding> = {
      listen: (request) => {
        if (request.family === 'unix') throw new Error('unix sockets need the real addon');
        return this.#bind('listen', request);
      },
      guard: (request) => this.#bind('guard', request),
      inspectListener: (fd) => this.#inherited('inspectListener', fd),
      setCloseOnExec: (fd) => void this.#inherited('setCloseOnExec', fd),
      setNonBlocking: (fd) => this.#inherited('setNonBlocking', fd).nonBlocking,
      closeFd: (fd) => {
        this.calls.push(`closeFd ${fd}`);
        if (!this.open.delete(fd)) throw systemError('EBADF', 'close');
      },
    };
    return binding as NativeBinding;
  }

  #bind(syscall: string, { family, address, port, ipv6Only }: Request) {
    this.calls.push(`${syscall} ${address}:${port}${ipv6Only ? ' ipv6Only' : ''}`);
    const failure = this.failures.get(`${address}:${port}`);
    if (failure !== undefined) throw Object.assign(systemError(failure, 'bind'), { address, port });
    const fd = this.#next++;
    this.open.add(fd);
    return { fd, family, address, port: port === 0 ? 40_000 + fd : port };
  }

  #inherited(call: string, fd: number): InspectedSocket {
    this.calls.push(`${call} ${fd}`);
    const socket = this.inherited.get(fd);
    if (socket === undefined || !this.open.has(fd)) throw systemError('EBADF', 'fcntl');
    return socket;
  }
}

/** Keeps the lines, as `level: text`. */
export function recordingLog(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const at = (level: string) => (text: string) => void lines.push(`${level}: ${text}`);
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}

function systemError(code: keyof typeof constants.errno, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: -constants.errno[code], syscall });
}
