/**
 * Windows: a handle that `net.Server.listen()` takes for a listener of Node, and which accepts by itself. libuv's own accepts ahead:
 * connections that it has taken from the queue and not yet handed over are reset when it is closed, and those of a blocked worker wait
 * for it (docs/decisions/windows-sockets.md). This one takes a connection only when the event loop is there to serve it.
 */

import { type Server, Socket } from 'node:net';
import type { Fd } from '../../addon/native.cjs';
import type { AcceptWatch, WindowsAddon } from '../../addon/native-windows.cjs';

/** What `server.address()` answers. */
export interface BoundTo {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly port: number;
}

/** The part of Node's handle of a TCP socket that is used here; not in @types/node. */
interface TcpHandle {
  open(socket: number): number;
  /** Set by net.Server: hears of every connection, or of what went wrong. */
  onconnection?: (this: TcpHandle, status: number, client?: TcpHandle) => void;
  close(done?: () => void): void;
}

type TcpConstructor = new (type: number) => TcpHandle;

/** `TCP.constants` of the binding (node: src/tcp_wrap.h, enum SocketType), which cannot be had from outside. */
const TYPE = { SOCKET: 0, SERVER: 1 } as const;
/** UV_EEXIST on Windows (libuv: uv/errno.h); what a second server gets for the same descriptor on POSIX. */
const EEXIST = -4075;
/** No connection is accepted for so many milliseconds after accepting has failed: what is short then takes its time. */
const PAUSE = 100;

type Native = Pick<WindowsAddon, 'accept' | 'closeFd' | 'watchAccepts'>;

let known: TcpConstructor | undefined;

/**
 * The class of Node's handles. A socket that is asked to connect gets one at once, and is destroyed before anything else happens: a
 * server would have to listen for it, which a firewall may ask about.
 */
function tcpConstructor(): TcpConstructor {
  if (known !== undefined) return known;
  const socket = new Socket();
  socket.connect({ host: '127.0.0.1', port: 9 });
  const handle = (socket as Socket & { readonly _handle?: TcpHandle | null })._handle;
  socket.destroy();
  if (handle === undefined || handle === null) throw new Error('This Node does not show the handle of a socket');
  known = handle.constructor as TcpConstructor;
  return known;
}

/** A listening socket that one server may accept from. */
export class AcceptingSocket {
  readonly #native: Native;
  readonly #socket: Fd;
  readonly #bound: BoundTo;
  #watch: AcceptWatch | undefined;
  #handle: TcpHandle | undefined;
  /** Not listened with yet. */
  #spare: object | undefined;
  #closed = false;
  #paused = false;

  /** Takes ownership of the socket once a server listens. */
  constructor(native: Native, socket: Fd, bound: BoundTo) {
    this.#native = native;
    this.#socket = socket;
    this.#bound = bound;
  }

  /**
   * What a server listens with. Another one when a server has taken it: net.Server writes to a handle before it hears that another
   * server has the socket.
   */
  get handle(): object {
    this.#spare ??= this.#make();
    return this.#spare;
  }

  /** Whether it is what a server listens with. */
  serves(server: Server): boolean {
    const { _handle } = server as { readonly _handle?: object | null };
    return this.#handle !== undefined && this.#handle === _handle;
  }

  /** Accepts no connection for now: the queue keeps what it holds. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    setImmediate(this.#turn);
  }

  #make(): object {
    const socket = this;
    return new (class extends tcpConstructor() {
      constructor() {
        super(TYPE.SERVER);
      }

      listen(): number {
        return socket.#start(this);
      }

      getsockname(out: object): number {
        Object.assign(out, socket.#bound);
        return 0;
      }

      ref(): void {
        if (socket.#handle === this) socket.#watch?.ref();
      }

      unref(): void {
        if (socket.#handle === this) socket.#watch?.unref();
      }

      hasRef(): boolean {
        return socket.#handle === this;
      }

      override close(done?: () => void): void {
        if (socket.#handle === this) socket.#close();
        super.close(done);
      }
    })();
  }

  #start(handle: TcpHandle): number {
    this.#spare = undefined;
    if (this.#handle !== undefined) return EEXIST;
    this.#handle = handle;
    // Not in the callback itself: what a connection handler throws belongs to a turn of the event loop.
    this.#watch = this.#native.watchAccepts(this.#socket, () => setImmediate(this.#turn));
    return 0;
  }

  /** One connection a turn, as libuv does it elsewhere: a handler that blocks must hold as few as possible. */
  readonly #turn = (): void => {
    if (this.#closed || this.#paused) return;
    if (!this.accept()) this.#watch?.rearm();
  };

  /** Takes one connection from the queue, and goes on in the next turn. False when none is there. */
  accept(): boolean {
    if (this.#closed || this.#paused || this.#handle === undefined) return false;
    let accepted: Fd | undefined;
    try {
      accepted = this.#native.accept(this.#socket);
    } catch (error) {
      // As libuv: the server emits the error, and the queue keeps what it holds.
      setTimeout(this.#turn, PAUSE);
      this.#handle.onconnection?.((error as NodeJS.ErrnoException).errno ?? EEXIST);
      return true;
    }
    if (accepted === undefined) return false;
    // Before the handlers, which may throw.
    setImmediate(this.#turn);
    this.#hand(accepted);
    return true;
  }

  #hand(accepted: Fd): void {
    const Tcp = tcpConstructor();
    const client = new Tcp(TYPE.SOCKET);
    // An error that is not looked at leaves a handle without a socket.
    if (client.open(accepted) === 0) {
      this.#handle?.onconnection?.(0, client);
    } else {
      this.#native.closeFd(accepted);
      client.close();
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch?.close();
    this.#native.closeFd(this.#socket);
  }
}
