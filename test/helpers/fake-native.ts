/**
 * The part of the addon that opens, inspects, steers and watches sockets, without a kernel: for unit tests of what `lib/` does with
 * the descriptors.
 */

import { constants } from 'node:os';
import type {
  InspectedSocket,
  LinuxAddon,
  QueueWatch,
  TcpListenRequest,
  WaitingQueue,
} from '../../lib/addon/native.cjs';
import type { NotASocket } from '../../lib/system/listeners/not-a-socket.js';
import type { Logger } from '../../lib/types.js';

type Request = Omit<TcpListenRequest, 'backlog' | 'reusePort'> & { readonly backlog?: number };

export class FakeNative {
  /** Every call, as `name argument`. */
  readonly calls: string[] = [];
  readonly open = new Set<number>();
  /** What is behind the descriptors that exist from the start. */
  readonly inherited = new Map<number, InspectedSocket>();
  /** Which of them are no sockets, and what they are. */
  readonly strangers = new Map<number, NotASocket>();
  /** Addresses (`address:port`) that fail, and how. */
  readonly failures = new Map<string, keyof typeof constants.errno>();
  /** What the next `sendFds` say; `'sent'` when there is nothing left. */
  readonly sendResults: ('sent' | 'full' | 'gone')[] = [];
  readonly #watches: FakeWatch[] = [];
  #next = 100;

  inherit(fd: number, socket: Partial<InspectedSocket>): void {
    this.open.add(fd);
    this.inherited.set(fd, {
      ...{
        family: 'IPv4',
        type: 'stream',
        listening: true,
        nonBlocking: false,
        closeOnExec: false,
        reusePort: false,
        ipv6Only: false,
      },
      address: '127.0.0.1',
      ...socket,
    });
  }

  get binding(): LinuxAddon {
    const binding: Partial<LinuxAddon> = {
      listen: (request) => {
        if (request.family === 'unix') throw new Error('unix sockets need the real addon');
        return this.#bind('listen', request);
      },
      guard: (request) => this.#bind('guard', request),
      inspectListener: (fd) => this.#inherited('inspectListener', fd),
      setCloseOnExec: (fd) => void this.#inherited('setCloseOnExec', fd),
      setNonBlocking: (fd) => this.#inherited('setNonBlocking', fd).nonBlocking,
      dupFd: (fd) => {
        const socket = this.#inherited('dupFd', fd);
        const copy = this.#open();
        this.inherited.set(copy, socket);
        return copy;
      },
      steer: ({ fd, live, size }) => void this.calls.push(`steer ${fd} ${live.join(',')} of ${size}`),
      deafenListener: (fd, deaf) => void this.calls.push(`deafenListener ${fd} ${deaf}`),
      fdChannel: () => [this.#open(), this.#open()],
      sendFds: (channel, { tag, fds }) => {
        this.calls.push(`sendFds ${channel} ${tag} ${fds.join(',')}`);
        return this.sendResults.shift() ?? 'sent';
      },
      watchQueues: ({ fds }, onWaiting) => {
        const watch = new FakeWatch(fds, onWaiting);
        this.#watches.push(watch);
        return watch;
      },
      closeFd: (fd) => {
        this.calls.push(`closeFd ${fd}`);
        if (!this.open.delete(fd)) throw systemError('EBADF', 'close');
      },
    };
    return binding as LinuxAddon;
  }

  /** A client waits in this queue: every watch that is armed for it reports so. Returns how many watches did. */
  wait(fd: number, since = 50): number {
    return this.#watches.filter((watch) => watch.wait(fd, since)).length;
  }

  #open(): number {
    const fd = this.#next++;
    this.open.add(fd);
    return fd;
  }

  #bind(syscall: string, { family, address, port, ipv6Only }: Request) {
    this.calls.push(`${syscall} ${address}:${port}${ipv6Only ? ' ipv6Only' : ''}`);
    const failure = this.failures.get(`${address}:${port}`);
    if (failure !== undefined) throw Object.assign(systemError(failure, 'bind'), { address, port });
    const fd = this.#open();
    return { fd, family, address, port: port === 0 ? 40_000 + fd : port };
  }

  #inherited(call: string, fd: number): InspectedSocket {
    this.calls.push(`${call} ${fd}`);
    const socket = this.inherited.get(fd);
    if (socket === undefined || !this.open.has(fd)) throw systemError('EBADF', 'fcntl');
    return socket;
  }
}

/** Armed descriptors are `true`, reported ones `false`. */
class FakeWatch implements QueueWatch {
  readonly #armed: Map<number, boolean>;
  readonly #onWaiting: (queues: WaitingQueue[]) => void;

  constructor(fds: readonly number[], onWaiting: (queues: WaitingQueue[]) => void) {
    this.#armed = new Map(fds.map((fd) => [fd, true]));
    this.#onWaiting = onWaiting;
  }

  add(fd: number): void {
    if (this.#armed.has(fd)) throw systemError('EEXIST', 'epoll_ctl');
    this.#armed.set(fd, true);
  }

  remove(fd: number): void {
    this.#armed.delete(fd);
  }

  rearm(fd: number): void {
    if (!this.#armed.has(fd)) throw systemError('ENOENT', 'epoll_ctl');
    this.#armed.set(fd, true);
  }

  close(): void {
    this.#armed.clear();
  }

  wait(fd: number, since: number): boolean {
    if (this.#armed.get(fd) !== true) return false;
    this.#armed.set(fd, false);
    this.#onWaiting([{ fd, since }]);
    return true;
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
